import { randomBytes } from 'node:crypto';

import type { Database } from '@dockchains/database';
import { generateSealingKey } from '@dockchains/escrow';
import { isSealedEntry, type LedgerRecord, parseRecord, parseSealedEntry } from '@dockchains/records';
import { parseOrigin } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { CommitStep } from '../context.ts';
import type { Ledger } from '../ledger.ts';
import { type LedgerFixture, makeFixture, tagSet } from '../testing/fixture.ts';
import { sealingKeysOf } from './scope-keys.ts';
import { checkTree, published } from '../testing/published.ts';

const ORIGIN = parseOrigin('acme.example/ledger/private');
const DAY_MS = 86_400_000;
const REPOSITORY = { name: 'team/secret' };
const EVERYTHING = { policies: ['^.+$'], scopes: ['^.+$'], everything: true };

const key = generateSealingKey(randomBytes);
let fixture: LedgerFixture;
let database: Database;
let now: Date;

beforeEach(async () => {
  fixture = await makeFixture();
  database = await fixture.openDatabase();
  now = new Date('2026-01-01T10:00:00Z');
});

afterEach(() => fixture.end());

const open = (onStep: (step: CommitStep) => Promise<void> | void = () => undefined): Promise<Ledger> => {
  const publicHead = () =>
    Promise.resolve({
      ...{ origin: parseOrigin('acme.example/ledger/public'), size: 7n, root: Buffer.alloc(32, 7) },
    });
  return fixture.openLedger(database, {
    ...{ origin: ORIGIN, clock: () => now, sealing: { keys: sealingKeysOf(key), publicHead }, onStep },
  });
};

const push = async (ledger: Ledger, count: number): Promise<LedgerRecord[]> => {
  const records = Array.from({ length: count }, (_, n) => tagSet(`t${n}`, REPOSITORY.name));
  const prepared = await ledger.prepare(REPOSITORY, records);
  await database.transaction((transaction) => ledger.append(transaction, prepared));
  ledger.wake();
  return records;
};

const readStatements = async (ledger: Ledger): Promise<LedgerRecord[]> =>
  (await ledger.readEntries(0n, 1000, EVERYTHING)).map(({ statement }) => parseRecord(statement));

/** Every closing in the log has the number and the last index of the entries that name its scope, and none comes behind it. */
const checkClosings = async (ledger: Ledger): Promise<number> => {
  const entries = await ledger.readEntries(0n, 1000, EVERYTHING);
  let closings = 0;
  for (const { index, entry } of entries) {
    if (isSealedEntry(entry)) continue;
    const record = parseRecord(entry);
    if (record.kind !== 'scope-closed') continue;
    closings += 1;
    const own = entries.filter(
      (one) => isSealedEntry(one.entry) && parseSealedEntry(one.entry).scopeId === record.scopeId,
    );
    expect(record.count).toBe(own.length);
    expect(record.lastIndex).toBe(own.at(-1)?.index.toString());
    expect((own.at(-1)?.index ?? 0n) < index).toBe(true);
  }
  return closings;
};

test.each<CommitStep>(['sequenced', 'staged', 'signed', 'published', 'promoted'])(
  'a stop behind step %s loses neither records nor bodies, nor does the loss of the database then',
  async (stopAfter) => {
    const stopped = Promise.withResolvers<undefined>();
    const ledger = await open((step) => {
      if (step !== stopAfter) return;
      stopped.resolve(undefined);
      throw new Error('stopped here');
    });
    const records = await push(ledger, 300);
    await stopped.promise;
    await fixture.closeLedgers();
    const again = await open();
    await published(again, 301n);
    expect(await checkTree(again)).toBe(301n);
    await fixture.closeLedgers();

    database = await fixture.openDatabase();
    const after = await open();
    expect((await readStatements(after)).slice(1)).toEqual(records);
    await push(after, 1);
    await published(after, 302n);
    expect(await checkTree(after)).toBe(302n);
  },
);

test('a scope that has closed is closed in a rebuilt database too, and the one behind it open', async () => {
  const before = await open();
  await push(before, 2);
  await published(before, 3n);
  now = new Date(now.getTime() + DAY_MS);
  await published(before, 4n);
  await push(before, 1);
  await published(before, 6n);
  await fixture.closeLedgers();

  database = await fixture.openDatabase();
  const after = await open();
  await push(after, 1);
  await published(after, 7n);
  expect((await readStatements(after)).map(({ kind }) => kind)).toEqual([
    ...['scope-opened', 'tag-set', 'tag-set', 'scope-closed', 'scope-opened', 'tag-set', 'tag-set'],
  ]);
  now = new Date(now.getTime() + DAY_MS);
  await published(after, 8n);
  expect(await checkClosings(after)).toBe(2);
});

test('pushes that race with the ends of their scopes are counted in the closing, or prepared anew', async () => {
  const ledger = await open();
  let retries = 0;
  const pushOften = async (): Promise<void> => {
    for (let acknowledged = 0; acknowledged < 15;) {
      try {
        await push(ledger, 1);
        acknowledged += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: '40001' });
        retries += 1;
      }
    }
  };
  const endOften = async (): Promise<void> => {
    for (let ended = 0; ended < 10; ended += 1) {
      await database.transaction((transaction) => ledger.endScope(transaction, REPOSITORY.name));
      await push(ledger, 1).catch(() => undefined);
    }
  };
  await Promise.all([pushOften(), pushOften(), pushOften(), endOften()]);
  await database.transaction((transaction) => ledger.endScope(transaction, REPOSITORY.name));
  await expect
    .poll(
      async () => {
        const kinds = (await readStatements(ledger)).map(({ kind }) => kind);
        const count = (kind: string): number => kinds.filter((one) => one === kind).length;
        return count('scope-opened') > 0 && count('scope-opened') === count('scope-closed');
      },
      { interval: 50 },
    )
    .toBe(true);
  expect(await checkClosings(ledger)).toBeGreaterThan(5);
  expect((await readStatements(ledger)).filter(({ kind }) => kind === 'tag-set').length).toBeGreaterThan(44);
  expect(retries).toBeLessThan(1000);
});

test.each([
  { step: 'sequenced' as const, missing: /^log\/private\/staging\/301-/, what: 'staged' },
  { step: 'published' as const, missing: /^log\/private\/(bodies|tile)\//, what: 'promoted' },
])('a body that went missing freezes the ledger before anything is $what without it', async (how) => {
  const ledger = await open(async (step) => {
    if (step === how.step)
      await database.prisma.$executeRaw`DELETE FROM sealed_record WHERE record_id = (
        SELECT record_id FROM ledger_entry WHERE index = 7)`;
  });
  await push(ledger, 300);
  await expect.poll(async () => (await ledger.status()).frozen).toContain('bodies');
  const { tiles } = await fixture.depsOf(database);
  const keys: string[] = [];
  for await (const one of tiles.list('log/private/')) keys.push(one);
  expect(keys).toContain('log/private/signed');
  expect(keys.filter((one) => how.missing.test(one))).toEqual([]);
});
