import { readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Database } from '@dockchains/database';
import {
  hashLeaf,
  openCheckpoint,
  parsePolicy,
  parseProofFile,
  parseVerifierKey,
  rootFromTiles,
  verifyProofFile,
} from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { CommitStep } from './context.ts';
import { openLedger, type Ledger } from './ledger.ts';
import { type LedgerFixture, makeFixture, tagSet } from './testing/fixture.ts';

let fixture: LedgerFixture;
let database: Database;
let folder: string;
const opened: Ledger[] = [];

beforeEach(async () => {
  fixture = await makeFixture();
  database = await fixture.openDatabase();
  ({ folder } = fixture);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((ledger) => ledger.close()));
  await fixture.end();
});

const NOTHING = { policies: [], scopes: [], everything: false };

const replayed: string[] = [];

const open = async (onStep?: (step: CommitStep) => Promise<void> | void): Promise<Ledger> => {
  const ledger = await openLedger(
    await fixture.depsOf(database, {
      replay: (_transaction, { recordId }) => {
        replayed.push(recordId);
        return Promise.resolve();
      },
      ...(onStep === undefined ? {} : { onStep }),
    }),
  );
  opened.push(ledger);
  return ledger;
};

const REPOSITORY = { id: 1, name: 'public/app' };

const append = async (ledger: Ledger, count: number): Promise<string[]> => {
  const records = Array.from({ length: count }, (_, index) => tagSet(`t${index}`));
  const prepared = await ledger.prepare(REPOSITORY, records);
  await database.transaction((transaction) => ledger.append(transaction, prepared));
  ledger.wake();
  return records.map(({ recordId }) => recordId);
};

const published = async (ledger: Ledger, size: bigint): Promise<void> => {
  await expect.poll(() => ledger.publishedSize(), { timeout: 20_000, interval: 10 }).toBe(size);
};

/** Re-derives the published root from served tiles, as a stranger would. */
const checkTree = async (ledger: Ledger): Promise<bigint> => {
  const { checkpoint } = openCheckpoint(
    await ledger.publishedCheckpoint(),
    parseVerifierKey(ledger.verifierKey),
  );
  if (checkpoint.size === 0n) return 0n;
  const root = await rootFromTiles(checkpoint.size, async (tile) => {
    const bytes = await ledger.readTile(tile);
    if (bytes === undefined) throw new Error('tile missing');
    return bytes;
  });
  expect(Buffer.from(root)).toEqual(Buffer.from(checkpoint.root));
  return checkpoint.size;
};

describe('the commit protocol', () => {
  test('gives queued records contiguous indices and publishes a tree that a stranger can re-derive', async () => {
    const ledger = await open();
    await append(ledger, 600);
    await published(ledger, 600n);
    expect(await checkTree(ledger)).toBe(600n);
    const entries = await ledger.readEntries(0n, 1000, NOTHING);
    expect(entries.map(({ index }) => index)).toEqual(
      Array.from({ length: 600 }, (_, index) => BigInt(index)),
    );
  });

  test('keeps the order in which one transaction appended', async () => {
    const ledger = await open();
    const ids = await append(ledger, 50);
    await published(ledger, 50n);
    expect((await ledger.readEntries(0n, 50, NOTHING)).map(({ recordId }) => recordId)).toEqual(ids);
  });

  test('forgets records whose transaction rolled back', async () => {
    const ledger = await open();
    const prepared = await ledger.prepare(REPOSITORY, [tagSet('lost')]);
    await expect(
      database.transaction(async (transaction) => {
        await ledger.append(transaction, prepared);
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    await append(ledger, 1);
    await published(ledger, 1n);
  });

  test('proves every entry under the published checkpoint', async () => {
    const ledger = await open();
    await append(ledger, 300);
    await published(ledger, 300n);
    const policy = parsePolicy(`log ${ledger.verifierKey}\nquorum none\n`);
    for (const index of [0n, 1n, 255n, 256n, 299n]) {
      const file = parseProofFile(Buffer.from((await ledger.prove(index)) ?? ''));
      expect(file.index).toBe(index);
      verifyProofFile(file, policy, hashLeaf(file.extra ?? new Uint8Array()));
    }
    expect(await ledger.prove(300n)).toBeUndefined();
  });

  test.each<CommitStep>(['sequenced', 'staged', 'signed', 'published', 'promoted'])(
    'resumes after a stop behind step %s',
    async (stopAfter) => {
      const stopped = Promise.withResolvers<undefined>();
      const ledger = await open((step) => {
        if (step !== stopAfter) return;
        stopped.resolve(undefined);
        throw new Error('stopped here');
      });
      await append(ledger, 700);
      await stopped.promise;
      await ledger.close();
      const again = await open();
      await append(again, 5);
      await published(again, 705n);
      expect(await checkTree(again)).toBe(705n);
      await expect
        .poll(async () => (await readdir(join(folder, 'tiles/log/public/staging'))).length)
        .toBeLessThan(3);
    },
  );

  test('freezes rather than putting a short bundle at its final key', async () => {
    const ledger = await open(async (step) => {
      if (step === 'published')
        await database.prisma.$executeRawUnsafe('DELETE FROM ledger_entry WHERE index = 7');
    });
    await append(ledger, 300);
    await expect
      .poll(async () => (await ledger.status()).frozen, { timeout: 20_000 })
      .toContain('255 of the entries');
    await expect(readdir(join(folder, 'tiles/log/public/tile/entries'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('does not sequence twice when two gateways run', async () => {
    const [first, second] = [await open(), await open()];
    for (let round = 0; round < 10; round += 1) await Promise.all([append(first, 7), append(second, 9)]);
    await published(first, 160n);
    expect(await checkTree(second)).toBe(160n);
    expect((await first.status()).leading).toBe(true);
    expect((await second.status()).leading).toBe(false);
  });

  test('a gateway that only follows refuses records too when the queue is full', async () => {
    const halted = Promise.withResolvers<undefined>();
    const first = await open((step) => (step === 'sequenced' ? halted.promise : undefined));
    await append(first, 1);
    const second = await open();
    try {
      await database.prisma.$executeRaw`
        INSERT INTO ledger_queue (position, ledger_id, record_id, entry)
        SELECT 1000 + n * 1000000, id, n::text, '' FROM ledger, generate_series(0, 1) n`;
      await expect
        .poll(() => append(second, 1).catch((error: unknown) => error), { timeout: 20_000, interval: 100 })
        .toMatchObject({ code: 'BUSY' });
    } finally {
      await database.prisma.$executeRaw`DELETE FROM ledger_queue`;
      halted.resolve(undefined);
    }
  });
});

describe('a database that was put back', () => {
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
      .poll(() => ledger.status(), { timeout: 20_000, interval: 10 })
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

  test('refuses to begin again a log that has begun', async () => {
    const first = await open();
    await append(first, 4);
    await published(first, 4n);
    await first.close();
    await rm(join(folder, 'tiles'), { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'FROZEN' });
  });
});
