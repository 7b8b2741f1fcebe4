import { isSealedEntry } from '@dockchains/records';
import { encodeBundle, entriesPath, tilePath, TILE_WIDTH } from '@dockchains/tlog';

import { keyOf, type Batch, type LedgerContext } from './context.ts';
import { LedgerError } from './errors.ts';
import { bodiesKey, encodeBodies } from './sealed/bodies.ts';
import { listStaged } from './staging.ts';

const WIDTH = BigInt(TILE_WIDTH);
const MAX_LEVEL = 7; // 256^8 leaves are more than an index can count
const PARALLEL_TILES = 8;

const READ_LEAVES = {
  name: 'ledger-read-leaves',
  text: `SELECT entry, leaf_hash FROM ledger_entry WHERE ledger_id = $1 AND index >= $2 AND index < $3 ORDER BY index`,
};
const READ_BODIES = {
  name: 'ledger-read-bodies',
  text: `SELECT e.entry, b.body FROM ledger_entry e
           LEFT JOIN sealed_record b ON b.ledger_id = e.ledger_id AND b.record_id = e.record_id
         WHERE e.ledger_id = $1 AND e.index >= $2 AND e.index < $3 ORDER BY e.index`,
};
const READ_NODES = {
  name: 'ledger-read-nodes',
  text: `SELECT hash FROM ledger_node WHERE ledger_id = $1 AND level = $2 AND index >= $3 AND index < $4 ORDER BY index`,
};
// Not waited for on disk: a batch that comes back with a loss of power is promoted again.
const DELETE_BATCH = {
  name: 'ledger-delete-batch',
  text: `DELETE FROM ledger_batch WHERE ledger_id = $1 AND "end" = $2
         RETURNING set_config('synchronous_commit', 'off', true)`,
};

/** The full tiles that a batch completed: at each level the indices [from, to). */
function completedTiles({ start, end }: Batch): { level: number; from: bigint; to: bigint }[] {
  const completed: { level: number; from: bigint; to: bigint }[] = [];
  for (let level = 0, leaves = WIDTH; level <= MAX_LEVEL; level += 1, leaves *= WIDTH) {
    const from = start / leaves;
    const to = end / leaves;
    if (from === to) break;
    completed.push({ level, from, to });
  }
  return completed;
}

/**
 * Step 6: writes the tiles and bundles that the batch completed to their final, immutable keys, then forgets the
 * batch, then drops staged batches that the final bundles cover whole. Each part can be done again.
 */
export async function promoteBatch(context: LedgerContext, batch: Batch): Promise<void> {
  const tasks: (() => Promise<void>)[] = [];
  for (const { level, from, to } of completedTiles(batch)) {
    for (let index = from; index < to; index += 1n) {
      tasks.push(
        level === 0 ? () => promoteLeaves(context, index) : () => promoteNodes(context, level, index),
      );
    }
  }
  for (let first = 0; first < tasks.length; first += PARALLEL_TILES) {
    await Promise.all(tasks.slice(first, first + PARALLEL_TILES).map((task) => task()));
  }
  await context.database.query(DELETE_BATCH, [context.ledgerId, batch.end]);
  if (batch.start / WIDTH !== batch.end / WIDTH) await dropCovered(context, (batch.end / WIDTH) * WIDTH);
}

const promoteLeaves = async (context: LedgerContext, index: bigint): Promise<void> => {
  const { database, tiles, ledgerId, name } = context;
  // Before the entries: whoever recovers from those finds the bodies too.
  if (context.sealer !== undefined) await promoteBodies(context, index);
  const rows = await database.query<{ entry: Buffer; leaf_hash: Buffer }>(READ_LEAVES, [
    ledgerId,
    index * WIDTH,
    (index + 1n) * WIDTH,
  ]);
  requireWhole(rows, `entries ${index * WIDTH} to ${(index + 1n) * WIDTH}`);
  const bundle = encodeBundle(rows.map((row) => row.entry));
  await tiles.putIfAbsent(keyOf(name, entriesPath({ index, width: TILE_WIDTH })), bundle);
  const tile = Buffer.concat(rows.map((row) => row.leaf_hash));
  await tiles.putIfAbsent(keyOf(name, tilePath({ level: 0, index, width: TILE_WIDTH })), tile);
};

const promoteBodies = async (
  { database, tiles, ledgerId, name }: LedgerContext,
  index: bigint,
): Promise<void> => {
  const rows = await database.query<{ entry: Buffer; body: Buffer | null }>(READ_BODIES, [
    ledgerId,
    index * WIDTH,
    (index + 1n) * WIDTH,
  ]);
  const whole = rows.filter(({ entry, body }) => body !== null || !isSealedEntry(entry));
  requireWhole(whole, `bodies ${index * WIDTH} to ${(index + 1n) * WIDTH}`);
  await tiles.putIfAbsent(bodiesKey(name, index), encodeBodies(rows.map(({ body }) => body)));
};

const promoteNodes = async (
  { database, tiles, ledgerId, name }: LedgerContext,
  level: number,
  index: bigint,
): Promise<void> => {
  const rows = await database.query<{ hash: Buffer }>(READ_NODES, [
    ledgerId,
    level,
    index * WIDTH,
    (index + 1n) * WIDTH,
  ]);
  requireWhole(rows, `nodes ${index * WIDTH} to ${(index + 1n) * WIDTH} of tile level ${level}`);
  const tile = Buffer.concat(rows.map((row) => row.hash));
  await tiles.putIfAbsent(keyOf(name, tilePath({ level, index, width: TILE_WIDTH })), tile);
};

/** What goes to a final key stays for ever: rows that went missing must not become a short tile. */
const requireWhole = (rows: readonly object[], what: string): void => {
  if (rows.length === TILE_WIDTH) return;
  throw new LedgerError(
    'CONTRADICTION',
    `The database holds ${rows.length} of the ${what}: restore it from its backup.`,
  );
};

const dropCovered = async ({ tiles, name }: LedgerContext, covered: bigint): Promise<void> => {
  for (const { end, key } of await listStaged(tiles, name)) {
    if (end <= covered) await tiles.delete(key);
  }
};
