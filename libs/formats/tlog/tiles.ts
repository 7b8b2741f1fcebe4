import { parseDecimal } from './encoding.ts';
import { TlogError } from './errors.ts';
import { TILE_HEIGHT } from './frontier.ts';
import { HASH_BYTES, hashNode, requireHash } from './hash.ts';

/** Hashes in a full tile, and entries in a full bundle (tlog-tiles, Merkle Tree). */
export const TILE_WIDTH = 256;

/** A tile: `level` 0 to 63 with leaf hashes at 0, `index` within the level, `width` 1 to 256 hashes, 256 being full. */
export type TileId = { level: number; index: bigint; width: number };

/** An entry bundle: `index` counts in steps of 256 entries, `width` is 1 to 256 entries. */
export type BundleId = { index: bigint; width: number };

/** What a path below a log's prefix names. */
export type TilePath = ({ kind: 'tile' } & TileId) | ({ kind: 'entries' } & BundleId);

const MAX_LEVEL = 63;
const MAX_PATH = 64;

/**
 * Gives the path of a tile below the log's prefix, as in `tile/0/x001/x234/067.p/5` (tlog-tiles, Merkle Tree).
 * @throws TlogError BAD_TILE for a level, index or width that is none
 */
export function tilePath({ level, index, width }: TileId): string {
  if (!Number.isInteger(level) || level < 0 || level > MAX_LEVEL) {
    throw new TlogError('BAD_TILE', `A tile's level is 0 to ${MAX_LEVEL}, not ${level}.`);
  }
  return `tile/${level}/${indexPath({ index, width })}`;
}

/**
 * Gives the path of an entry bundle below the log's prefix, as in `tile/entries/x001/x234/067.p/5` (tlog-tiles, Log entries).
 * @throws TlogError BAD_TILE for an index or width that is none
 */
export function entriesPath(id: BundleId): string {
  return `tile/entries/${indexPath(id)}`;
}

/**
 * Reads the path of a tile or bundle below the log's prefix; only what {@link tilePath} and {@link entriesPath} give is one.
 * @throws TlogError BAD_TILE_PATH
 */
export function parseTilePath(path: string): TilePath {
  const parsed = path.length <= MAX_PATH ? readTilePath(path) : undefined;
  if (parsed !== undefined) return parsed;
  throw new TlogError('BAD_TILE_PATH', `"${path.slice(0, MAX_PATH)}" is no path of a tile or entry bundle.`);
}

/** Gives how many hashes tile `index` of `level` has in a tree of `size` leaves: 0 (there is none) to 256 (tlog-tiles, Partial Tiles). */
export function tileWidth(level: number, index: bigint, size: bigint): number {
  const width = (size >> BigInt(TILE_HEIGHT * level)) - index * BigInt(TILE_WIDTH);
  if (width <= 0n) return 0;
  return width < BigInt(TILE_WIDTH) ? Number(width) : TILE_WIDTH;
}

/**
 * Gives the bytes of a tile: its 1 to 256 hashes in a row.
 * @throws TlogError BAD_TILE for another number of hashes; BAD_HASH
 */
export function computeTile(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length < 1 || hashes.length > TILE_WIDTH) {
    throw new TlogError('BAD_TILE', `A tile has 1 to ${TILE_WIDTH} hashes, not ${hashes.length}.`);
  }
  hashes.forEach(requireHash);
  return Buffer.concat(hashes);
}

/**
 * Gives the root of a full tile, 32 bytes: its hash in the tile above.
 * @throws TlogError BAD_TILE unless it has 8,192 bytes; a partial tile is not hashed upward
 */
export function tileRoot(tile: Uint8Array): Uint8Array {
  if (tile.length !== TILE_WIDTH * HASH_BYTES) {
    throw new TlogError(
      'BAD_TILE',
      `A full tile has ${TILE_WIDTH * HASH_BYTES} bytes; this one has ${tile.length}.`,
    );
  }
  return perfectRoot(tile);
}

/** Gives the root of a perfect subtree from its hashes in a row, a power of two of them, 32 bytes each. */
export function perfectRoot(hashes: Uint8Array): Uint8Array {
  if (hashes.length <= HASH_BYTES) return hashes.slice();
  const half = hashes.length / 2;
  return hashNode(perfectRoot(hashes.subarray(0, half)), perfectRoot(hashes.subarray(half)));
}

function indexPath({ index, width }: BundleId): string {
  if (index < 0n || index >= 2n ** 63n) {
    throw new TlogError('BAD_TILE', `A tile's index is 0 to 2^63 - 1, not ${index.toString()}.`);
  }
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new TlogError('BAD_TILE', `A tile's width is 1 to ${TILE_WIDTH}, not ${width}.`);
  }
  const digits = index.toString();
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/[0-9]{3}/g) ?? [];
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

function readTilePath(path: string): TilePath | undefined {
  const match =
    /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path);
  const [, level, groups, partial] = match ?? [];
  if (level === undefined || groups === undefined) return undefined;

  const index = parseDecimal(groups.replaceAll(/[x/]/g, '').replace(/^0+(?=[0-9])/, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (index === undefined || width > TILE_WIDTH || Number(level) > MAX_LEVEL) return undefined;
  const id: TilePath =
    level === 'entries'
      ? { kind: 'entries', index, width }
      : { kind: 'tile', level: Number(level), index, width };
  const canonical = id.kind === 'tile' ? tilePath(id) : entriesPath(id);
  return canonical === path ? id : undefined;
}
