import { readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Database } from '@dockchains/database';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Ledger } from './ledger.ts';
import { type LedgerFixture, makeFixture } from './testing/fixture.ts';
import { appendTags, checkTree, published } from './testing/published.ts';

let fixture: LedgerFixture;
let database: Database;
let folder: string;
const replayed: string[] = [];

beforeEach(async () => {
  fixture = await makeFixture();
  database = await fixture.openDatabase();
  ({ folder } = fixture);
});

afterEach(() => fixture.end());

const open = (): Promise<Ledger> =>
  fixture.openLedger(database, {
    replay: (_transaction, { recordId }) => {
      replayed.push(recordId);
      return Promise.resolve();
    },
  });

const append = (ledger: Ledger, count: number): Promise<string[]> => appendTags(database, ledger, count);

const NOTHING = { policies: [], scopes: [], everything: false };

describe('L2: a database that was put back', () => {
  const tables = [
    'ledger_queue',
    'ledger_batch',
    'ledger_node',
    'ledger_record',
    'ledger_entry',
    'signed_head',
    'published_checkpoint',
  ];
  const columns = 'size, root, frontier';

  /** Keeps the ledger's tables as a backup would. */
  const backUp = async (): Promise<void> => {
    for (const table of [...tables, 'ledger']) {
      await database.prisma.$executeRawUnsafe(`CREATE TABLE kept_${table} AS TABLE ${table}`);
    }
  };

  /** Puts them all back in one transaction. */
  const putBack = (): Promise<unknown> =>
    database.prisma.$transaction([
      database.prisma.$executeRawUnsafe('SELECT FROM ledger FOR UPDATE'),
      ...tables.flatMap((table) => [
        database.prisma.$executeRawUnsafe(`DELETE FROM ${table}`),
        database.prisma.$executeRawUnsafe(`INSERT INTO ${table} SELECT * FROM kept_${table}`),
      ]),
      database.prisma.$executeRawUnsafe(
        `UPDATE ledger SET (${columns}) = (SELECT ${columns} FROM kept_ledger k WHERE k.id = ledger.id)`,
      ),
    ]);

  test.each([
    { before: 10, after: 20, name: 'recovers from staged batches' },
    { before: 10, after: 1000, name: 'recovers from final bundles and staged batches' },
    { before: 300, after: 212, name: 'recovers when everything missing lies in final bundles' },
    { before: 0, after: 513, name: 'recovers from the first entry on' },
  ])('$name', async ({ before, after }) => {
    const first = await open();
    if (before > 0) await append(first, before);
    await published(first, BigInt(before));
    await backUp();
    const later = await append(first, after);
    await published(first, BigInt(before + after));
    const servedNote = await first.publishedCheckpoint();
    await first.close();
    await putBack();

    replayed.length = 0;
    const again = await open();
    expect(replayed).toEqual(later);
    await published(again, BigInt(before + after));
    expect(await again.publishedCheckpoint()).toBe(servedNote);
    await append(again, 3);
    await published(again, BigInt(before + after + 3));
    expect(await checkTree(again)).toBe(BigInt(before + after + 3));
  });

  test('drops queued records that were sequenced in the lost time', async () => {
    const first = await open();
    await append(first, 5);
    await published(first, 5n);
    await first.close();
    const ids = await append(first, 3);
    await backUp();
    const second = await open();
    await published(second, 8n);
    await second.close();
    await putBack();
    const again = await open();
    await append(again, 1);
    await published(again, 9n);
    const entries = await again.readEntries(5n, 10, NOTHING);
    expect(entries.slice(0, 3).map(({ recordId }) => recordId)).toEqual(ids);
    expect(await checkTree(again)).toBe(9n);
  });

  test('is noticed while running, and writes wait until it is recovered', async () => {
    const ledger = await open();
    await append(ledger, 4);
    await published(ledger, 4n);
    await backUp();
    await append(ledger, 4);
    await published(ledger, 8n);
    await putBack();
    expect(await ledger.publishedSize()).toBe(8n);
    await expect
      .poll(() => ledger.status(), { interval: 10 })
      .toMatchObject({ size: 8n, publishedSize: 8n, frozen: undefined });
    await append(ledger, 1);
    await published(ledger, 9n);
    expect(await checkTree(ledger)).toBe(9n);
  });

  test('freezes for good when the stores do not belong to one history', async () => {
    const first = await open();
    await append(first, 4);
    await published(first, 4n);
    await backUp();
    await append(first, 4);
    await published(first, 8n);
    await first.close();
    await putBack();
    const staging = join(folder, 'tiles/log/public/staging');
    for (const name of await readdir(staging)) {
      const bytes = await readFile(join(staging, name));
      const last = bytes.length - 20;
      bytes[last] = (bytes[last] ?? 0) ^ 1;
      await unlink(join(staging, name));
      await writeFile(join(staging, name), bytes);
    }
    const again = await open();
    expect((await again.status()).frozen).toBeDefined();
    await expect(append(again, 1)).rejects.toMatchObject({ code: 'FROZEN' });
  });

  test('L7: refuses to begin again a log that has begun', async () => {
    const first = await open();
    await append(first, 4);
    await published(first, 4n);
    await first.close();
    await rm(join(folder, 'tiles'), { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'FROZEN' });
  });
});
