import type { Equivocation, TileReader } from '@dockchains/tlog';

import { findContradiction, type SignedHead } from '../replication/heads.ts';
import { isTheirs } from '../replication/peer-log.ts';
import type { Explanation } from './explain.ts';
import type { HeldHead } from './known-logs.ts';

/**
 * What comparing a head with those of its log held here gave: a proof that the log signed two histories; that it is part of what is
 * held, now and later; that what is held now is part of it; or that nobody could tell, how the log answered, and for which head held here.
 */
export type Verdict =
  | { readonly kind: 'contradicts'; readonly proof: Equivocation }
  | { readonly kind: 'settled' }
  | { readonly kind: 'agrees' }
  | {
      readonly kind: 'undecided';
      readonly held: SignedHead | undefined;
      readonly answer: string;
      readonly isRefused: boolean;
    };

/** Who may know more than is held here. */
export type Sources = {
  /** The tiles below the head that was shown, from whoever may have them. */
  readonly openShown?: (() => Promise<TileReader>) | undefined;
  /** The log itself. */
  readonly explain?: ((held: SignedHead) => Promise<Explanation>) | undefined;
};

/**
 * Compares a head that somebody showed with the heads of its log held here. Two of one size need nothing more; of two sizes the
 * tiles of the larger one are needed, or what the log says of them.
 * @throws as the readers of tiles, unless whoever has them is at fault
 */
export async function compareHeads(
  shown: SignedHead,
  held: readonly HeldHead[],
  { openShown, explain }: Sources = {},
): Promise<Verdict> {
  if (shown.size === 0n) return { kind: 'settled' };
  // What is decided here comes first: whoever shows a head may not give its tiles.
  let unknown: readonly SignedHead[] = [];
  let isPart = false;
  for (const { head, tiles } of held.filter((one) => one.head.size >= shown.size)) {
    const isDecided = tiles !== undefined || head.size === shown.size;
    const proof = isDecided ? await findContradiction(shown, head, tiles ?? noTiles) : undefined;
    if (proof !== undefined) return { kind: 'contradicts', proof };
    if (isDecided) isPart = true;
    else unknown = [...unknown, head];
  }
  // What the tree held here extends, everything that extends it later extends as well.
  if (isPart) return { kind: 'settled' };
  const smaller = held.map(({ head }) => head).filter(({ size }) => size < shown.size && size > 0n);
  const theirs = await findByTheirTiles(shown, smaller, openShown);
  if (theirs?.proof !== undefined) return { kind: 'contradicts', proof: theirs.proof };
  if (theirs === undefined) unknown = [...unknown, ...smaller];
  return explainAll(shown, unknown, explain);
}

async function explainAll(
  shown: SignedHead,
  unknown: readonly SignedHead[],
  explain: Sources['explain'],
): Promise<Verdict> {
  let kind: 'agrees' | 'settled' = 'agrees';
  for (const held of unknown) {
    if (explain === undefined)
      return { kind: 'undecided', held, answer: 'nobody was asked', isRefused: false };
    const said = await explain(held);
    if (said.kind === 'contradicts') return said;
    if (said.kind !== 'agrees') {
      return { kind: 'undecided', held, answer: said.answer, isRefused: said.kind === 'refused' };
    }
    if (held.size > shown.size) kind = 'settled';
  }
  return { kind };
}

/** Undefined where the tiles are not to be had. */
async function findByTheirTiles(
  shown: SignedHead,
  smaller: readonly SignedHead[],
  openShown: Sources['openShown'],
): Promise<{ readonly proof?: Equivocation } | undefined> {
  if (smaller.length === 0 || openShown === undefined) return undefined;
  try {
    const tiles = await openShown();
    for (const head of smaller) {
      const proof = await findContradiction(head, shown, tiles);
      if (proof !== undefined) return { proof };
    }
    return {};
  } catch (error) {
    if (isTheirs(error)) return undefined;
    throw error;
  }
}

const noTiles: TileReader = () => Promise.reject(new Error('Heads of one size need no tiles.'));
