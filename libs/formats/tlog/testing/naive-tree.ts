import { createHash } from 'node:crypto';

import { computeTile, type TileId, type TileReader } from '../index.ts';

/** A tree as RFC 6962 §2.1 defines it, by recursion over its leaf hashes: slow, and nothing shared with what it tests. */
type Leaves = readonly Uint8Array[];

/** Gives MTH(D[n]) from the leaf hashes (RFC 6962 §2.1). */
export function naiveRoot(leaves: Leaves): Uint8Array {
  if (leaves.length === 0) return createHash('sha256').digest();
  const [first] = leaves;
  if (leaves.length === 1 && first !== undefined) return first;
  const k = split(leaves.length);
  return parent(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

/** Gives PATH(m, D[n]) (RFC 6962 §2.1.1). */
export function naivePath(m: number, leaves: Leaves): Uint8Array[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  return m < k ? [...naivePath(m, left), naiveRoot(right)] : [...naivePath(m - k, right), naiveRoot(left)];
}

/** Gives PROOF(m, D[n]) (RFC 6962 §2.1.2). */
export function naiveProof(m: number, leaves: Leaves): Uint8Array[] {
  return subproof(m, leaves, true);
}

/** Reads tiles of the tree, each computed from the definition (tlog-tiles, Merkle Tree); `read` lists what was asked for. */
export function naiveTiles(leaves: Leaves): { readTile: TileReader; read: TileId[] } {
  const read: TileId[] = [];
  const readTile: TileReader = (tile) => {
    read.push(tile);
    const covered = 256 ** tile.level;
    const first = Number(tile.index) * 256;
    return Promise.resolve(
      computeTile(
        Array.from({ length: tile.width }, (_, i) =>
          naiveRoot(leaves.slice((first + i) * covered, (first + i + 1) * covered)),
        ),
      ),
    );
  };
  return { readTile, read };
}

function subproof(m: number, leaves: Leaves, whole: boolean): Uint8Array[] {
  if (m === leaves.length) return whole ? [] : [naiveRoot(leaves)];
  const k = split(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  return m <= k
    ? [...subproof(m, left, whole), naiveRoot(right)]
    : [...subproof(m - k, right, false), naiveRoot(left)];
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function parent(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash('sha256').update(Uint8Array.of(1)).update(left).update(right).digest();
}
