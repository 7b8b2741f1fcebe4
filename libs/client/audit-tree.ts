import { appendLeaves, type Frontier, HASH_BYTES, TILE_WIDTH, type TileId } from '@dockchains/tlog';

/** The tree as an audit re-derives it. It holds the frontier and one unfinished tile a level, however large the log is. */
export type AuditTree = {
  readonly size: bigint;
  readonly frontier: Frontier;
  /** By level from 1: the hashes, in a row, of the tile that is not full yet. */
  readonly tails: readonly Uint8Array[];
};

/** A tile as it must be. */
export type DerivedTile = { readonly id: TileId; readonly bytes: Uint8Array };

/** The tree of no entries. */
export const EMPTY_TREE: AuditTree = { size: 0n, frontier: [], tails: [] };

/** Appends leaf hashes, and gives the tiles above level 0 that this fills, lower levels first. */
export function appendToTree(
  { size, frontier, tails }: AuditTree,
  leafHashes: readonly Uint8Array[],
): { tree: AuditTree; filled: readonly DerivedTile[] } {
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
export function partialTiles({ size, tails }: AuditTree): readonly DerivedTile[] {
  return tails.flatMap((bytes, i): DerivedTile[] => {
    const level = i + 1;
    const width = bytes.length / HASH_BYTES;
    return width === 0 ? [] : [{ id: { level, index: size >> BigInt(8 * (level + 1)), width }, bytes }];
  });
}

/** Root, 32 bytes, of the tree with further leaves; the tree itself stays as it is. */
export function rootWith({ size, frontier }: AuditTree, leafHashes: readonly Uint8Array[]): Uint8Array {
  return appendLeaves(size, frontier, leafHashes).root;
}
