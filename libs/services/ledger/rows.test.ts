import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Database } from '@dockchains/database';
import { parseBundle } from '@dockchains/tlog';
import { expect, test } from 'vitest';

import { findSignedHead } from './heads.ts';
import { ORIGIN } from './testing/fixture.ts';
import { appendTags, checkTree, published } from './testing/published.ts';
import { useLedgerFixture } from './testing/use-fixture.ts';

const current = useLedgerFixture();

const FLIP = (column: 'root' | 'frontier') => ({
  name: `test-flip-${column}`,
  text: `UPDATE ledger SET ${column} = set_bit(${column}, 77, 1 - get_bit(${column}, 77)) WHERE origin = $1`,
});

test.each(['root', 'frontier'] as const)(
  'L6: a bit flipped in the row of the head, in its %s, is not signed over',
  async (column) => {
    const ledger = await current.fixture.openLedger(current.database);
    await appendTags(current.database, ledger, 5);
    await published(ledger, 5n);
    await current.database.query(FLIP(column), [ORIGIN]);
    await expect
      .poll(async () => (await ledger.status()).frozen, { interval: 10 })
      .toContain('is not the one of its frontier');
    await current.fixture.closeLedgers();

    const again = await current.fixture.openLedger(current.database);
    expect((await again.status()).frozen).toContain('is not the one of its frontier');
    expect(await checkTree(again)).toBe(5n);
    await current.fixture.closeLedgers();
    await current.database.query(FLIP(column), [ORIGIN]);
    const mended = await current.fixture.openLedger(current.database);
    await appendTags(current.database, mended, 3);
    await published(mended, 8n);
    expect(await checkTree(mended)).toBe(8n);
  },
);

test.each(['40001', '40P01', '57014'])(
  'L5: batches that PostgreSQL ends with SQLSTATE %s leave no gap and give no index twice',
  async (sqlState) => {
    let failures = 0;
    const failing: Database = {
      ...current.database,
      transaction: (work) =>
        current.database.transaction(async (transaction) => {
          const done = await work(transaction);
          if (failures > 0) {
            failures -= 1;
            const text = `DO $$ BEGIN RAISE EXCEPTION 'ended by the test' USING ERRCODE = '${sqlState}'; END $$`;
            await transaction.query({ name: `test-raise-${sqlState}`, text });
          }
          return done;
        }),
    };
    const ledger = await current.fixture.openLedger(failing);
    failures = 3;
    const ids = [
      ...(await appendTags(current.database, ledger, 7)),
      ...(await appendTags(current.database, ledger, 4)),
    ];
    await published(ledger, 11n);
    expect(failures).toBe(0);
    expect(await checkTree(ledger)).toBe(11n);
    const found = await Promise.all(ids.map((recordId) => ledger.findEntry(recordId)));
    expect(found.map((entry) => entry?.index)).toEqual(ids.map((_, at) => BigInt(at)));
  },
);

test('L8: a batch whose commit was not answered is not sequenced again', async () => {
  let lost = 0;
  const unanswered: Database = {
    ...current.database,
    async transaction(work) {
      const done = await current.database.transaction(work);
      if (lost === 0) return done;
      lost -= 1;
      throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
    },
  };
  const ledger = await current.fixture.openLedger(unanswered);
  lost = 2;
  const ids = await appendTags(current.database, ledger, 5);
  await published(ledger, 5n);
  expect(lost).toBeLessThan(2);
  await appendTags(current.database, ledger, 2);
  await published(ledger, 7n);
  expect(await checkTree(ledger)).toBe(7n);
  expect((await ledger.findEntry(ids[0] ?? ''))?.index).toBe(0n);
});

test('L9: a tile that was asked for before it was full is the right one when it is', async () => {
  const ledger = await current.fixture.openLedger(current.database);
  const full = { level: 0, index: 0n, width: 256 };
  const bundle = { index: 0n, width: 256 };
  await appendTags(current.database, ledger, 200);
  await published(ledger, 200n);
  expect(await ledger.readTile(full)).toBeUndefined();
  expect(await ledger.readBundle(bundle)).toBeUndefined();
  const partial = await ledger.readTile({ ...full, width: 200 });
  await appendTags(current.database, ledger, 100);
  await published(ledger, 300n);
  for (let time = 0; time < 3; time += 1) {
    expect(await checkTree(ledger)).toBe(300n);
    expect((await ledger.readTile(full))?.subarray(0, 200 * 32)).toEqual(partial);
    expect([...parseBundle((await ledger.readBundle(bundle)) ?? Buffer.alloc(0), 256)]).toHaveLength(256);
  }
});

test('L7: an empty database and an empty tile store beside an inception file begin no second tree', async () => {
  const ledger = await current.fixture.openLedger(current.database);
  await appendTags(current.database, ledger, 3);
  await published(ledger, 3n);
  await current.fixture.closeLedgers();
  await rm(join(current.fixture.folder, 'tiles'), { recursive: true });
  const empty = await current.fixture.openDatabase();
  await expect(current.fixture.openLedger(empty)).rejects.toMatchObject({ code: 'FROZEN' });
  const [row] = await empty.query<{ ledgers: bigint }>({
    name: 'test-count-ledgers',
    text: 'SELECT count(*) AS ledgers FROM ledger',
  });
  expect(row?.ledgers).toBe(0n);
  expect((await findSignedHead(current.database, 1))?.size).toBe(3n);
});
