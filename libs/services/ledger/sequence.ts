import type { Queryable } from '@dockchains/database';

import type { Batch, LedgerContext } from './context.ts';
import { insertEntries, lockHead, type Head, type NewEntry } from './entries.ts';
import { LedgerError } from './errors.ts';

const MAX_BATCH_ENTRIES = 4096;
const PARTITION_INDICES = 1n << 20n;

const TAKE_QUEUE = {
  name: 'ledger-take-queue',
  text: `DELETE FROM ledger_queue WHERE position IN (
           SELECT position FROM ledger_queue WHERE ledger_id = $1 ORDER BY position LIMIT $2)
         RETURNING position, record_id, entry`,
};
const INSERT_BATCH = {
  name: 'ledger-insert-batch',
  text: 'INSERT INTO ledger_batch (ledger_id, "end", start, root) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
};
const PARTITION_EXISTS = {
  name: 'ledger-partition-exists',
  text: 'SELECT to_regclass($1) IS NOT NULL AS present',
};

/** What this process last saw committed: the database may move ahead of it, never behind. */
export interface SeenHead {
  readonly size: bigint;
  readonly root: Uint8Array;
}

/**
 * Step 1: in one transaction locks the head, gives the oldest queued records the next indices, stores entries and
 * leaf hashes, clears their queue rows and notes the batch. Undefined if the queue is empty.
 * @throws LedgerError REGRESSED if the head is behind what this process has seen
 */
export async function sequenceBatch(
  { database, ledgerId }: Pick<LedgerContext, 'database' | 'ledgerId'>,
  seen: SeenHead,
): Promise<{ batch: Batch; head: Head } | undefined> {
  return database.transaction(async (transaction) => {
    const head = await lockHead(transaction, ledgerId);
    refuseRegression(head, seen);
    const rows = await transaction.query<{ position: bigint; record_id: string; entry: Buffer }>(TAKE_QUEUE, [
      ledgerId,
      MAX_BATCH_ENTRIES,
    ]);
    if (rows.length === 0) return undefined;
    rows.sort((a, b) => (a.position < b.position ? -1 : 1));
    const entries: NewEntry[] = rows.map((row) => ({ recordId: row.record_id, entry: row.entry }));
    const sequenced = await insertEntries(transaction, ledgerId, head, entries);
    await noteBatch(transaction, ledgerId, sequenced.batch);
    return sequenced;
  });
}

/** Notes a batch whose later steps are still to be done; again changes nothing. */
export async function noteBatch(
  target: Queryable,
  ledgerId: number,
  { start, end, root }: Batch,
): Promise<void> {
  await target.query(INSERT_BATCH, [ledgerId, end, start, root]);
}

/** @throws LedgerError REGRESSED */
export function refuseRegression(head: Pick<Head, 'size' | 'root'>, seen: SeenHead): void {
  const behind = head.size < seen.size;
  const rewritten = head.size === seen.size && !Buffer.from(head.root).equals(seen.root);
  if (!behind && !rewritten) return;
  throw new LedgerError(
    'REGRESSED',
    `The database shows ${head.size} entries where this gateway has seen ${seen.size}: it was put back to an earlier state.`,
  );
}

/** Makes sure that the partition of `size` and the one after it exist, so that no batch waits for either. */
export async function ensurePartitions(database: Queryable, size: bigint): Promise<void> {
  const current = size / PARTITION_INDICES;
  for (const number of [current, current + 1n]) {
    const name = `ledger_entry_${number}`;
    const [row] = await database.query<{ present: boolean }>(PARTITION_EXISTS, [name]);
    if (row?.present === true) continue;
    const from = number * PARTITION_INDICES;
    await database.query({
      name: `create-${name}`,
      text: `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ledger_entry
             FOR VALUES FROM (${from}) TO (${from + PARTITION_INDICES})`,
    });
  }
}
