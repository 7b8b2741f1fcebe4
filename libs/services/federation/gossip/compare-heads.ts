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
  // What is decided here comes first: whoever shows a head may not give its tiles.
  const [larger, smaller] = [
    held.filter(({ head }) => head.size >= shown.size),
    held.filter(({ head }) => head.size < shown.size && head.size > 0n),
  ];
  for (const { head, tiles } of larger) {
    const proof = await findProof(shown, head, tiles);
    if (proof !== undefined) return { proof, isSettled: true };
  }
  // What the tree held here extends, everything that extends it later extends as well.
  if (shown.size === 0n || larger.some(({ tiles }) => tiles !== undefined)) return { isSettled: true };
  if (smaller.length === 0 || openShown === undefined) return { isSettled: false };
  const tiles = await openShown();
  for (const { head } of smaller) {
    const proof = await findProof(head, shown, tiles);
    if (proof !== undefined) return { proof, isSettled: true };
  }
  return { isSettled: false };
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
