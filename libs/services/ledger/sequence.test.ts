import { randomBytes } from 'node:crypto';

import { migrate, openDatabase } from '@dockchains/database';
import { parseDigest } from '@dockchains/oci';
import { type LedgerRecord, parseRecordId } from '@dockchains/records';
import { createTestDatabase } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { enqueue, prepareEntries } from './append.ts';
import { ensurePartitions, sequenceBatch } from './sequence.ts';

const PARTITION = 1n << 20n;
const COUNT_BY_PARTITION = {
  name: 'test-count-by-partition',
  text: `SELECT tableoid::regclass::text AS partition, count(*) AS entries, min(index) AS first
         FROM ledger_entry GROUP BY 1 ORDER BY 1`,
};

const record = (): LedgerRecord => ({
  kind: 'manifest-deleted',
  organisation: 'acme.example',
  repository: 'public/app',
  recordId: parseRecordId(randomBytes(16).toString('hex')),
  digest: parseDigest(`sha256:${'ab'.repeat(32)}`),
  time: '2026-01-02T03:04:05.678Z',
});

test('a batch crosses from one partition of 2^20 entries into the next', async () => {
  const testDatabase = await createTestDatabase();
  await migrate(testDatabase.url);
  const database = openDatabase(testDatabase.url);
  try {
    const size = PARTITION - 3n;
    const subtrees = size.toString(2).replaceAll('0', '').length;
    const [ledger] = await database.query<{ id: number }>(
      {
        name: 'test-insert-ledger',
        text: 'INSERT INTO ledger (origin, size, root, frontier) VALUES ($1, $2, $3, $4) RETURNING id',
      },
      ['acme.example/ledger/public', size, randomBytes(32), randomBytes(32 * subtrees)],
    );
    const ledgerId = ledger?.id ?? 0;
    await enqueue(database, ledgerId, prepareEntries(Array.from({ length: 6 }, record)));
    await ensurePartitions(database, size);
    const sequenced = await sequenceBatch({ database, ledgerId }, { size: 0n, root: randomBytes(32) });
    expect(sequenced?.batch).toMatchObject({ start: size, end: PARTITION + 3n });
    expect(await database.query(COUNT_BY_PARTITION)).toEqual([
      { partition: 'ledger_entry_0', entries: 3n, first: size },
      { partition: 'ledger_entry_1', entries: 3n, first: PARTITION },
    ]);
    await ensurePartitions(database, PARTITION + 3n); // again, and the one after it
  } finally {
    await database.close();
    await testDatabase.drop();
  }
});
