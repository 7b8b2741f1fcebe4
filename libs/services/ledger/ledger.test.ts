import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Database } from '@dockchains/database';
import { hashLeaf, parsePolicy, parseProofFile, verifyProofFile } from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { CommitStep } from './context.ts';
import type { Ledger } from './ledger.ts';
import { type LedgerFixture, makeFixture, tagSet } from './testing/fixture.ts';
import { appendTags, checkTree, published } from './testing/published.ts';

let fixture: LedgerFixture;
let database: Database;
let folder: string;

beforeEach(async () => {
  fixture = await makeFixture();
  database = await fixture.openDatabase();
  ({ folder } = fixture);
});

afterEach(() => fixture.end());

const NOTHING = { policies: [], scopes: [], everything: false };

const replayed: string[] = [];

const open = (onStep?: (step: CommitStep) => Promise<void> | void): Promise<Ledger> =>
  fixture.openLedger(database, {
    replay: (_transaction, { recordId }) => {
      replayed.push(recordId);
      return Promise.resolve();
    },
    ...(onStep === undefined ? {} : { onStep }),
  });

const append = (ledger: Ledger, count: number): Promise<string[]> => appendTags(database, ledger, count);

describe('the commit protocol', () => {
  test('L5: gives queued records contiguous indices and publishes a tree that a stranger can re-derive', async () => {
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

  test('L5: forgets records whose transaction rolled back', async () => {
    const ledger = await open();
    const prepared = await ledger.prepare({ name: 'public/app' }, [tagSet('lost')]);
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
    'L4: resumes after a stop behind step %s',
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

  test('L6: freezes rather than putting a short bundle at its final key', async () => {
    const ledger = await open(async (step) => {
      if (step === 'published')
        await database.prisma.$executeRawUnsafe('DELETE FROM ledger_entry WHERE index = 7');
    });
    await append(ledger, 300);
    await expect.poll(async () => (await ledger.status()).frozen).toContain('255 of the entries');
    await expect(readdir(join(folder, 'tiles/log/public/tile/entries'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('L3: does not sequence twice when two gateways run', async () => {
    const [first, second] = [await open(), await open()];
    for (let round = 0; round < 10; round += 1) await Promise.all([append(first, 7), append(second, 9)]);
    await published(first, 160n);
    expect(await checkTree(second)).toBe(160n);
    expect((await first.status()).leading).toBe(true);
    expect((await second.status()).leading).toBe(false);
  });

  test('a gateway that only follows refuses records too when the queue is full', async () => {
    const halted = Promise.withResolvers<undefined>();
    const reached = Promise.withResolvers<undefined>();
    const first = await open((step) => {
      if (step !== 'sequenced') return undefined;
      reached.resolve(undefined);
      return halted.promise;
    });
    await append(first, 1);
    // Before it halts, the leader would take what fills the queue below.
    await reached.promise;
    const second = await open();
    try {
      await database.prisma.$executeRaw`
        INSERT INTO ledger_queue (position, ledger_id, record_id, entry)
        SELECT 1000 + n * 1000000, id, n::text, '' FROM ledger, generate_series(0, 1) n`;
      // Between the two, the queue spans a million positions.
      expect((await second.status()).queued).toBe(1_000_001n);
      await expect
        .poll(() => append(second, 1).catch((error: unknown) => error), { interval: 100 })
        .toMatchObject({ code: 'BUSY' });
    } finally {
      await database.prisma.$executeRaw`DELETE FROM ledger_queue`;
      halted.resolve(undefined);
    }
  });
});

describe('a source of entries', () => {
  test('gives published entries alone, and says when there are more', async () => {
    const publishing = Promise.withResolvers<undefined>();
    const signed = Promise.withResolvers<undefined>();
    const ledger = await open(async (step) => {
      if (step !== 'signed') return;
      signed.resolve(undefined);
      await publishing.promise;
    });
    const source = ledger.source('acme.example');
    const heard = Promise.withResolvers<undefined>();
    source.subscribe(() => {
      heard.resolve(undefined);
    });
    await append(ledger, 3);
    await signed.promise;
    expect(await source.read(0n, 10)).toEqual([]);
    expect(await source.publishedSize()).toBe(0n);
    expect(await ledger.readBundle({ index: 0n, width: 3 })).toBeDefined();
    expect(await ledger.readTile({ level: 0, index: 0n, width: 4 })).toBeUndefined();
    expect((await ledger.announcedHead()).size).toBe(0n);
    publishing.resolve(undefined);
    await heard.promise;
    expect((await source.read(1n, 10)).map(({ index }) => index)).toEqual([1n, 2n]);
    expect(await source.publishedSize()).toBe(3n);
  });

  test('calls nobody who has left', async () => {
    const ledger = await open();
    const source = ledger.source('acme.example');
    const left = source.subscribe(() => {
      throw new Error('called');
    });
    left();
    await append(ledger, 1);
    await published(ledger, 1n);
  });
});
