import { TlogError } from './errors.ts';
import { appendLeaves, type Frontier, parseFrontier, TILE_HEIGHT } from './frontier.ts';
import { HASH_BYTES } from './hash.ts';
import { TILE_WIDTH, type TileId } from './tiles.ts';

/** A tree with the tiles that its next leaves go into. It holds the frontier and one unfinished tile a level, however large the log is. */
export type TiledTree = {
  readonly size: bigint;
  readonly frontier: Frontier;
  /** By level from 1: the hashes, in a row, of the tile that is not full yet. */
  readonly tails: readonly Uint8Array[];
};

/** A tile as it must be. */
export type DerivedTile = { readonly id: TileId; readonly bytes: Uint8Array };

/** The tree of no entries. */
export const EMPTY_TREE: TiledTree = { size: 0n, frontier: [], tails: [] };

/** Appends leaf hashes, and gives the tiles above level 0 that this fills, lower levels first. */
export function appendToTree(
  { size, frontier, tails }: TiledTree,
  leafHashes: readonly Uint8Array[],
): { tree: TiledTree; filled: readonly DerivedTile[] } {
  const appended = appendLeaves(size, frontier, leafHashes);
  const next = [...tails];
  const filled: DerivedTile[] = [];
  for (const { level, index, hash } of appended.nodes) {
    const bytes = Buffer.concat([next[level - 1] ?? Buffer.alloc(0), hash]);
    const isFull = bytes.length === TILE_WIDTH * HASH_BYTES;
    if (isFull) filled.push({ id: { level, index: index / BigInt(TILE_WIDTH), width: TILE_WIDTH }, bytes });
    next[level - 1] = isFull ? Buffer.alloc(0) : bytes;
  }
  return { tree: { size: appended.size, frontier: appended.frontier, tails: next }, filled };
}

/** The tiles above level 0 that are not full at the tree's size (tlog-tiles, Partial Tiles). */
export function partialTiles({ size, tails }: TiledTree): readonly DerivedTile[] {
  return tails.flatMap((bytes, i): DerivedTile[] => {
    const level = i + 1;
    const width = bytes.length / HASH_BYTES;
    return width === 0 ? [] : [{ id: { level, index: size >> BigInt(8 * (level + 1)), width }, bytes }];
  });
}

/** Root, 32 bytes, of the tree with further leaves; the tree itself stays as it is. */
export function rootWith({ size, frontier }: TiledTree, leafHashes: readonly Uint8Array[]): Uint8Array {
  return appendLeaves(size, frontier, leafHashes).root;
}

/** Encodes the unfinished tiles of a tree, level 1 first, in a row; its size says which hash is whose. */
export function encodeTails({ tails }: TiledTree): Uint8Array {
  return Buffer.concat(tails);
}

/**
 * Reads the tree of `size` leaves from its frontier and its unfinished tiles.
 * @throws TlogError BAD_FRONTIER, BAD_TILE if either is not one of so many leaves; BAD_SIZE
 */
export function parseTiledTree(size: bigint, frontier: Uint8Array, tails: Uint8Array): TiledTree {
  const parsed = parseFrontier(frontier, size);
  const read: Uint8Array[] = [];
  let offset = 0;
  for (let level = 1; size >> BigInt(TILE_HEIGHT * level) > 0n; level += 1) {
    const width = Number((size >> BigInt(TILE_HEIGHT * level)) % BigInt(TILE_WIDTH));
    read.push(tails.slice(offset, offset + width * HASH_BYTES));
    offset += width * HASH_BYTES;
  }
  if (offset === tails.length) return { size, frontier: parsed, tails: read };
  throw new TlogError(
    'BAD_TILE',
    `The unfinished tiles of ${size.toString()} leaves have ${offset} bytes; these have ${tails.length}.`,
  );
}
