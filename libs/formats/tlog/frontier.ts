import { TlogError } from './errors.ts';
import { EMPTY_ROOT, HASH_BYTES, hashNode, requireHash } from './hash.ts';

/** Roots of the perfect subtrees that together cover a tree's leaves, largest first, one for each bit set in the size (RFC 6962 §2.1). */
export type Frontier = readonly Uint8Array[];

/** One hash of a tile at level 1 or above: the root of the full tile `index` at `level - 1`, so of 256^level leaves (tlog-tiles, Merkle Tree). */
export type TileNode = { level: number; index: bigint; hash: Uint8Array };

/** A tree after an append; `nodes` lists, in order of completion, every tile node that the append completed. */
export type Appended = { size: bigint; frontier: Frontier; root: Uint8Array; nodes: TileNode[] };

/** Binary levels in one tile level. */
export const TILE_HEIGHT = 8;

type Subtree = { height: number; hash: Uint8Array };

/** Gives the root, 32 bytes, of the tree with this frontier; {@link EMPTY_ROOT} if it is empty (RFC 6962 §2.1). */
export function frontierRoot(frontier: Frontier): Uint8Array {
  const smallest = frontier.at(-1);
  if (smallest === undefined) return EMPTY_ROOT;
  return frontier.slice(0, -1).reduceRight((right, left) => hashNode(left, right), smallest);
}

/**
 * Appends leaf hashes to a tree of `size` leaves. Time and memory grow with the leaves appended, not with the tree.
 * @throws TlogError BAD_FRONTIER if the frontier is not one of `size` leaves; BAD_SIZE, BAD_HASH
 */
export function appendLeaves(size: bigint, frontier: Frontier, leafHashes: readonly Uint8Array[]): Appended {
  const subtrees = subtreesOf(size, frontier);
  const nodes: TileNode[] = [];
  leafHashes.forEach((leafHash, position) => {
    requireHash(leafHash);
    let added: Subtree = { height: 0, hash: leafHash };
    for (let last = subtrees.at(-1); last?.height === added.height; last = subtrees.at(-1)) {
      subtrees.pop();
      added = { height: added.height + 1, hash: hashNode(last.hash, added.hash) };
      if (added.height % TILE_HEIGHT === 0) nodes.push(tileNode(added, size + BigInt(position + 1)));
    }
    subtrees.push(added);
  });

  const appended = subtrees.map(({ hash }) => hash);
  return {
    size: size + BigInt(leafHashes.length),
    frontier: appended,
    root: frontierRoot(appended),
    nodes,
  };
}

/** Encodes a frontier as its hashes in a row: 32 bytes for each bit set in the size, largest subtree first. */
export function encodeFrontier(frontier: Frontier): Uint8Array {
  frontier.forEach(requireHash);
  return Buffer.concat(frontier);
}

/**
 * Reads the frontier of a tree of `size` leaves.
 * @throws TlogError BAD_FRONTIER unless there are 32 bytes for each bit set in the size; BAD_SIZE
 */
export function parseFrontier(bytes: Uint8Array, size: bigint): Frontier {
  const heights = heightsOf(size);
  if (bytes.length !== heights.length * HASH_BYTES) {
    throw new TlogError(
      'BAD_FRONTIER',
      `The frontier of ${size.toString()} leaves has ${heights.length * HASH_BYTES} bytes; this one has ${bytes.length}.`,
    );
  }
  return heights.map((_, i) => bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}

function tileNode({ height, hash }: Subtree, size: bigint): TileNode {
  return { level: height / TILE_HEIGHT, index: (size >> BigInt(height)) - 1n, hash };
}

function subtreesOf(size: bigint, frontier: Frontier): Subtree[] {
  const heights = heightsOf(size);
  if (heights.length !== frontier.length) {
    throw new TlogError(
      'BAD_FRONTIER',
      `The frontier of ${size.toString()} leaves has ${heights.length} hashes; this one has ${frontier.length}.`,
    );
  }
  frontier.forEach(requireHash);
  return frontier.map((hash, i) => ({ height: heights[i] ?? 0, hash }));
}

/** Gives the heights of the perfect subtrees of a tree of `size` leaves, largest first: the positions of the bits set. */
function heightsOf(size: bigint): number[] {
  if (size < 0n) throw new TlogError('BAD_SIZE', 'A tree has no negative size.');
  const bits = size.toString(2);
  return Array.from(bits).flatMap((bit, i) => (bit === '1' ? [bits.length - 1 - i] : []));
}
