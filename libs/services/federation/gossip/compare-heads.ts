import type { Equivocation, TileReader } from '@dockchains/tlog';

import { findContradiction, type SignedHead } from '../replication/heads.ts';
import type { HeldHead } from './known-logs.ts';

/** What comparing a head with those held here gave: a proof that the log signed two histories, or whether it was settled that it did not. */
export type Compared = { readonly proof?: Equivocation; readonly isSettled: boolean };

/**
 * Compares a head that somebody showed with the heads of its log held here. Two of one size need nothing more; of two sizes the
 * tiles of the larger one are needed, which `openShown` opens for the head that was shown, where anybody has them.
 * @throws as the readers of tiles
 */
export async function compareHeads(
  shown: SignedHead,
  held: readonly HeldHead[],
  openShown?: () => Promise<TileReader>,
): Promise<Compared> {
  let isSettled = false;
  for (const { head, tiles } of held) {
    const proof =
      shown.size <= head.size
        ? await findProof(shown, head, tiles)
        : await findProof(head, shown, await openShown?.());
    if (proof !== undefined) return { proof, isSettled: true };
    // What the tree held here extends, everything that extends it later extends as well.
    isSettled ||= shown.size <= head.size && (tiles !== undefined || shown.size === 0n);
  }
  return { isSettled };
}

async function findProof(
  smaller: SignedHead,
  larger: SignedHead,
  tiles: TileReader | undefined,
): Promise<Equivocation | undefined> {
  if (tiles !== undefined) return findContradiction(smaller, larger, tiles);
  if (smaller.size !== larger.size) return undefined;
  return findContradiction(smaller, larger, () =>
    Promise.reject(new Error('Heads of one size need no tiles.')),
  );
}
