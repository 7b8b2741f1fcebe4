import { entriesPath, encodeBundle, tilePath, TILE_WIDTH, type TileId } from '@dockchains/tlog';
import type { LRUCache } from 'lru-cache';

import { keyOf, type LedgerContext } from './context.ts';
import { findSignedHead } from './heads.ts';

const WIDTH = BigInt(TILE_WIDTH);

const READ_LEAF_HASHES = {
  name: 'ledger-read-leaf-hashes',
  text: 'SELECT leaf_hash AS hash FROM ledger_entry WHERE ledger_id = $1 AND index >= $2 AND index < $3 ORDER BY index',
};
const READ_NODE_HASHES = {
  name: 'ledger-read-node-hashes',
  text: `SELECT hash FROM ledger_node WHERE ledger_id = $1 AND level = $2 AND index >= $3 AND index < $4 ORDER BY index`,
};
const READ_BUNDLE = {
  name: 'ledger-read-bundle',
  text: 'SELECT entry FROM ledger_entry WHERE ledger_id = $1 AND index >= $2 AND index < $3 ORDER BY index',
};

/** Full tiles and bundles are immutable once promoted, so that a copy can be kept. */
export type TileCache = LRUCache<string, Buffer>;

/** A tile from the committed rows, published or not. @throws if the rows are not there */
export async function readCommittedTile(
  { database, ledgerId }: Pick<LedgerContext, 'database' | 'ledgerId'>,
  { level, index, width }: TileId,
): Promise<Buffer> {
  const from = index * WIDTH;
  const to = from + BigInt(width);
  const rows =
    level === 0
      ? await database.query<{ hash: Buffer }>(READ_LEAF_HASHES, [ledgerId, from, to])
      : await database.query<{ hash: Buffer }>(READ_NODE_HASHES, [ledgerId, level, from, to]);
  if (rows.length !== width) throw new Error(`tile ${level}/${index}.p/${width} is not committed`);
  return Buffer.concat(rows.map((row) => row.hash));
}

/**
 * A hash tile of the signed tree (C2SP tlog-tiles); undefined if the tree does not reach so far. What is signed is final, and
 * mirrors must have it before it is published.
 */
export async function readTile(
  context: LedgerContext,
  cache: TileCache,
  tile: TileId,
): Promise<Buffer | undefined> {
  if (tile.width === TILE_WIDTH) {
    const promoted = await readPromoted(context, cache, tilePath(tile));
    if (promoted !== undefined) return promoted;
  }
  const leavesBelow = (tile.index * WIDTH + BigInt(tile.width)) * WIDTH ** BigInt(tile.level);
  if (!(await isSigned(context, leavesBelow))) return undefined;
  return readCommittedTile(context, tile);
}

/** An entry bundle of the signed log; undefined if the log does not reach so far. */
export async function readBundle(
  context: LedgerContext,
  cache: TileCache,
  { index, width }: { index: bigint; width: number },
): Promise<Buffer | undefined> {
  if (width === TILE_WIDTH) {
    const promoted = await readPromoted(context, cache, entriesPath({ index, width }));
    if (promoted !== undefined) return promoted;
  }
  const from = index * WIDTH;
  const to = from + BigInt(width);
  if (!(await isSigned(context, to))) return undefined;
  const rows = await context.database.query<{ entry: Buffer }>(READ_BUNDLE, [context.ledgerId, from, to]);
  return Buffer.from(encodeBundle(rows.map((row) => row.entry)));
}

const readPromoted = async (
  context: LedgerContext,
  cache: TileCache,
  path: string,
): Promise<Buffer | undefined> => {
  const cached = cache.get(path);
  if (cached !== undefined) return cached;
  const bytes = await context.tiles.get(keyOf(context.name, path));
  if (bytes !== undefined) cache.set(path, bytes);
  return bytes;
};

const isSigned = async ({ database, ledgerId }: LedgerContext, size: bigint): Promise<boolean> => {
  const head = await findSignedHead(database, ledgerId);
  return head !== undefined && size <= head.size;
};
