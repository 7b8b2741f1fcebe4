import { TlogError } from './errors.ts';
import { frontierRoot, TILE_HEIGHT } from './frontier.ts';
import { HASH_BYTES } from './hash.ts';
import { perfectRoot, TILE_WIDTH, type TileId, tilePath, tileWidth } from './tiles.ts';

/** Gives the bytes of a tile, `width` × 32; it may cut them from a wider tile, and rejects if there is none. */
export type TileReader = (tile: TileId) => Promise<Uint8Array>;

/** Leaves from `start` up to, not including, `end`. */
type Range = { start: bigint; end: bigint };

/** The perfect subtree of 2^height leaves that begins at leaf index × 2^height. */
type PerfectSubtree = { height: number; index: bigint };

/**
 * Gives the inclusion proof of leaf `index` in the tree of `size` leaves, the leaf's sibling first (RFC 6962 §2.1.1). Each tile is read once, all at the
 * same time. Tiles are taken as they are: the proof verifies only if they are right.
 * @throws TlogError BAD_INDEX if the index is not in the tree, BAD_TILE for a tile of another length
 */
export async function proveInclusion(
  index: bigint,
  size: bigint,
  readTile: TileReader,
): Promise<Uint8Array[]> {
  if (index < 0n || index >= size) {
    throw new TlogError(
      'BAD_INDEX',
      `There is no leaf ${index.toString()} in a tree of ${size.toString()} leaves.`,
    );
  }
  const siblings: Range[] = [];
  let [start, end] = [0n, size];
  while (end - start > 1n) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      siblings.unshift({ start: middle, end });
      end = middle;
    } else {
      siblings.unshift({ start, end: middle });
      start = middle;
    }
  }
  return hashRanges(siblings, size, readTile);
}

/**
 * Gives the consistency proof between the trees of `oldSize` and `newSize` leaves (RFC 6962 §2.1.2); empty if they are equal. Reads tiles as
 * {@link proveInclusion} does, those of the new tree.
 * @throws TlogError BAD_SIZE unless 0 < oldSize ≤ newSize, BAD_TILE for a tile of another length
 */
export async function proveConsistency(
  oldSize: bigint,
  newSize: bigint,
  readTile: TileReader,
): Promise<Uint8Array[]> {
  if (oldSize <= 0n || oldSize > newSize) {
    throw new TlogError(
      'BAD_SIZE',
      `No proof leads from ${oldSize.toString()} leaves to ${newSize.toString()}.`,
    );
  }
  const ranges: Range[] = [];
  let [start, end] = [0n, newSize];
  while (end !== oldSize) {
    const middle = start + largestPowerBelow(end - start);
    if (oldSize <= middle) {
      ranges.unshift({ start: middle, end });
      end = middle;
    } else {
      ranges.unshift({ start, end: middle });
      start = middle;
    }
  }
  // What remains is a node of both trees; from leaf 0 it is the old root, which the verifier has.
  if (start !== 0n) ranges.unshift({ start, end });
  return hashRanges(ranges, newSize, readTile);
}

/**
 * Gives the root, 32 bytes, of the tree of `size` leaves from its tiles' right edge (RFC 6962 §2.1).
 * @throws TlogError BAD_SIZE for a negative size, BAD_TILE for a tile of another length
 */
export async function rootFromTiles(size: bigint, readTile: TileReader): Promise<Uint8Array> {
  if (size < 0n) throw new TlogError('BAD_SIZE', 'A tree has no negative size.');
  const [root] = await hashRanges([{ start: 0n, end: size }], size, readTile);
  return root ?? frontierRoot([]);
}

async function hashRanges(ranges: Range[], size: bigint, readTile: TileReader): Promise<Uint8Array[]> {
  const tiles = new Map<string, Promise<Uint8Array>>();
  const read = (tile: TileId): Promise<Uint8Array> => {
    const path = tilePath(tile);
    const reading = tiles.get(path) ?? readWholeTile(tile, readTile);
    tiles.set(path, reading);
    return reading;
  };
  return Promise.all(
    ranges.map(async (range) =>
      frontierRoot(
        await Promise.all(perfectSubtrees(range).map((subtree) => hashSubtree(subtree, size, read))),
      ),
    ),
  );
}

async function hashSubtree(
  { height, index }: PerfectSubtree,
  size: bigint,
  readTile: TileReader,
): Promise<Uint8Array> {
  const level = Math.floor(height / TILE_HEIGHT);
  const count = 1 << (height % TILE_HEIGHT);
  const first = index * BigInt(count);
  const tileIndex = first / BigInt(TILE_WIDTH);
  const tile = await readTile({ level, index: tileIndex, width: tileWidth(level, tileIndex, size) });
  const offset = Number(first % BigInt(TILE_WIDTH)) * HASH_BYTES;
  return perfectRoot(tile.subarray(offset, offset + count * HASH_BYTES));
}

async function readWholeTile(tile: TileId, readTile: TileReader): Promise<Uint8Array> {
  const bytes = await readTile(tile);
  if (bytes.length === tile.width * HASH_BYTES) return bytes;
  throw new TlogError(
    'BAD_TILE',
    `${tilePath(tile)} has ${tile.width * HASH_BYTES} bytes; ${bytes.length} were read.`,
  );
}

/** Cuts a range that a node of the tree covers into perfect subtrees, largest first. */
function perfectSubtrees({ start, end }: Range): PerfectSubtree[] {
  const subtrees: PerfectSubtree[] = [];
  for (let leaf = start; leaf < end;) {
    const height = bitLength(end - leaf) - 1;
    subtrees.push({ height, index: leaf >> BigInt(height) });
    leaf += 1n << BigInt(height);
  }
  return subtrees;
}

/** Gives the largest power of two below a number over 1: where RFC 6962 §2.1 splits that many leaves. */
function largestPowerBelow(count: bigint): bigint {
  return 1n << BigInt(bitLength(count - 1n) - 1);
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}
