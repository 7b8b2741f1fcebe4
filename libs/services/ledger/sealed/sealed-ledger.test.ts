import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Database } from '@dockchains/database';
import { generateSealingKey, sealingPanelId, sealingPublicKey, verifyScope } from '@dockchains/escrow';
import { isSealedEntry, type LedgerRecord, parseRecord, verifyDisclosure } from '@dockchains/records';
import { hashLeaf, parseOrigin, parsePolicy, parseProofFile, verifyProofFile } from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Ledger } from '../ledger.ts';
import { type LedgerFixture, makeFixture, tagSet } from '../testing/fixture.ts';
import { type SealingKeys, sealingKeysOf } from './scope-keys.ts';

const ORIGIN = parseOrigin('acme.example/ledger/private');
const PUBLIC = parseOrigin('acme.example/ledger/public');
const MIGRATION = join(
  import.meta.dirname,
  '../../../../prisma/migrations/20261121180500_scope_sealing_key/migration.sql',
);
const DAY_MS = 86_400_000;
const REPOSITORY = { name: 'team/secret' };
const EVERYTHING = { policies: ['^.+$'], scopes: ['^.+$'], everything: true };

const sealingKey = generateSealingKey(randomBytes);
let fixture: LedgerFixture;
let database: Database;
let now: Date;
let replayed: LedgerRecord[];

beforeEach(async () => {
  fixture = await makeFixture();
  database = await fixture.openDatabase();
  [now, replayed] = [new Date('2026-01-01T10:00:00Z'), []];
});

afterEach(() => fixture.end());

const open = (key = sealingKey): Promise<Ledger> => openWith(sealingKeysOf(key));

const openWith = (keys: SealingKeys): Promise<Ledger> => {
  const publicHead = () => Promise.resolve({ origin: PUBLIC, size: 7n, root: Buffer.alloc(32, 7) });
  return fixture.openLedger(database, {
    ...{ origin: ORIGIN, clock: () => now, sealing: { keys, publicHead } },
    replay: (_transaction, record) => {
      replayed.push(record);
      return Promise.resolve();
    },
  });
};

const push = async (
  ledger: Ledger,
  tags: readonly string[],
  repository = REPOSITORY,
): Promise<LedgerRecord[]> => {
  const records = tags.map((tag) => tagSet(tag, repository.name));
  const prepared = await ledger.prepare(repository, records);
  await database.transaction((transaction) => ledger.append(transaction, prepared));
  ledger.wake();
  return records;
};

const published = (ledger: Ledger, size: bigint): Promise<void> =>
  expect.poll(() => ledger.publishedSize(), { interval: 10 }).toBe(size);

const kindsOf = async (ledger: Ledger): Promise<string[]> =>
  (await ledger.readEntries(0n, 100, EVERYTHING)).map(({ entry }) =>
    isSealedEntry(entry) ? 'sealed' : parseRecord(entry).kind,
  );

describe('a ledger of sealed records', () => {
  test('shows nothing of a repository but that its records belong together', async () => {
    const ledger = await open();
    await push(ledger, ['one', 'two']);
    await published(ledger, 3n);
    expect(await kindsOf(ledger)).toEqual(['scope-opened', 'sealed', 'sealed']);
    const bundle = Buffer.from((await ledger.readBundle({ index: 0n, width: 3 })) ?? []).toString('latin1');
    for (const hidden of ['team', 'secret', 'one', 'tag', 'ab'.repeat(32)])
      expect(bundle).not.toContain(hidden);
  });

  test('opens a scope with a key that others can check and only the sealing key opens', async () => {
    const ledger = await open();
    await push(ledger, ['one']);
    await published(ledger, 2n);
    const [first] = await ledger.readEntries(0n, 1, EVERYTHING);
    const record = parseRecord(first?.entry ?? new Uint8Array());
    if (record.kind !== 'scope-opened') throw new Error('The first entry opens no scope.');
    const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
    const publicKey = sealingPublicKey(sealingKey);
    const { scopeId, from, to, R, Rbar, pi, repoCommit, label, asOf } = record;
    const panelId = sealingPanelId(publicKey);
    const points = { R: bytes(R), Rbar: bytes(Rbar), pi: bytes(pi), repoCommit: bytes(repoCommit) };
    expect(verifyScope({ origin: ORIGIN, scopeId, panelId, publicKey, from, to }, points)).toEqual(
      bytes(label),
    );
    expect(asOf).toEqual([{ origin: PUBLIC, size: '7', root: '07'.repeat(32) }]);
    expect(to - from).toBe(DAY_MS / 1000);
  });

  test('opens its entries again, for readers of the repository and for operators alone', async () => {
    const ledger = await open();
    const [record] = await push(ledger, ['one']);
    const id = record?.recordId ?? '';
    const find = async (policies: string[], scopes: string[]) =>
      (await ledger.findEntries([id], { policies, scopes, everything: false })).get(id);
    for (const [policies, scopes] of [
      [['^team/secret$'], ['^team/other$']],
      [['^team/other$'], ['^team/secret$']],
      [[], []],
    ] as const) {
      expect(await find([...policies], [...scopes])).toBeUndefined();
    }
    for (const found of [
      await find(['^team/.+$'], ['^team/secret$']),
      (await ledger.findEntries([id], EVERYTHING)).get(id),
    ]) {
      expect(parseRecord(found?.statement ?? new Uint8Array())).toEqual(record);
    }
  });

  test('lets only operators see what opens a scope', async () => {
    const ledger = await open();
    await push(ledger, ['one']);
    await published(ledger, 2n);
    const [first] = await ledger.readEntries(0n, 1, EVERYTHING);
    const id = first?.recordId ?? '';
    const reader = { policies: ['^.+$'], scopes: ['^.+$'], everything: false };
    expect((await ledger.findEntries([id], reader)).size).toBe(0);
    expect((await ledger.findEntries([id], EVERYTHING)).size).toBe(1);
  });

  test('proves a record by its disclosure, which says what was recorded', async () => {
    const ledger = await open();
    const [record] = await push(ledger, ['one']);
    await published(ledger, 2n);
    const file = parseProofFile((await ledger.prove(1n)) ?? '');
    const disclosed = verifyDisclosure(file.extra ?? new Uint8Array());
    expect(disclosed.record).toEqual(record);
    const policy = parsePolicy(`log ${ledger.verifierKey} http://127.0.0.1/log/private\nquorum none\n`);
    expect(verifyProofFile(file, policy, hashLeaf(disclosed.entry)).checkpoint.size).toBe(2n);
  });

  test('keeps records that belong to no repository in the clear', async () => {
    const ledger = await open();
    const prepared = await ledger.prepare(undefined, [tagSet('clear')]);
    expect(prepared.map(({ sealed }) => sealed)).toEqual([undefined]);
  });
});

describe('a scope', () => {
  test('is one for all records of a repository and a day, and another for another repository', async () => {
    const ledger = await open();
    await push(ledger, ['one']);
    now = new Date(now.getTime() + DAY_MS - 1000);
    await push(ledger, ['two']);
    await push(ledger, ['three'], { name: 'team/other' });
    await published(ledger, 5n);
    expect(await kindsOf(ledger)).toEqual(['scope-opened', 'sealed', 'sealed', 'scope-opened', 'sealed']);
  });

  test('is opened once by pushes that come together', async () => {
    const ledger = await open();
    await Promise.all(Array.from({ length: 8 }, (_, n) => push(ledger, [`t${n}`])));
    await published(ledger, 9n);
    expect((await kindsOf(ledger)).filter((kind) => kind === 'scope-opened')).toHaveLength(1);
  });

  test('closes at the end of its period with the number of its records, and the next push opens another', async () => {
    const ledger = await open();
    await push(ledger, ['one', 'two']);
    await published(ledger, 3n);
    now = new Date(now.getTime() + DAY_MS);
    await published(ledger, 4n);
    const [last] = await ledger.readEntries(3n, 1, EVERYTHING);
    expect(parseRecord(last?.entry ?? new Uint8Array())).toMatchObject({
      ...{ kind: 'scope-closed', count: 2, lastIndex: '2' },
    });
    await push(ledger, ['three']);
    await published(ledger, 6n);
    expect((await kindsOf(ledger)).slice(4)).toEqual(['scope-opened', 'sealed']);
  });

  test('that was ended takes nothing more: what was sealed under it has to be prepared anew', async () => {
    const ledger = await open();
    const prepared = await ledger.prepare(REPOSITORY, [tagSet('late', REPOSITORY.name)]);
    await database.transaction((transaction) => ledger.endScope(transaction, REPOSITORY.name));
    await expect(
      database.transaction((transaction) => ledger.append(transaction, prepared)),
    ).rejects.toMatchObject({ code: '40001' });
    await push(ledger, ['late']);
    await published(ledger, 4n);
    expect((await kindsOf(ledger)).sort()).toEqual([
      'scope-closed',
      'scope-opened',
      'scope-opened',
      'sealed',
    ]);
  });
});

describe('a lost database', () => {
  test.each([3, 300])('comes back from the tile store with %i bodies and their scopes', async (count) => {
    const before = await open();
    const tags = Array.from({ length: count }, (_, n) => `t${n}`);
    const records = await push(before, tags);
    await published(before, BigInt(count + 1));
    await fixture.closeLedgers();

    database = await fixture.openDatabase();
    const after = await open();
    await published(after, BigInt(count + 1));
    expect(replayed.filter(({ kind }) => kind === 'tag-set')).toEqual(records);
    for (const record of [records[0], records.at(-1)]) {
      const id = record?.recordId ?? '';
      const found = (await after.findEntries([id], EVERYTHING)).get(id);
      expect(parseRecord(found?.statement ?? new Uint8Array())).toEqual(record);
    }
    // The scope goes on where it was.
    await push(after, ['more']);
    await published(after, BigInt(count + 2));
  });

  test('does not come back under another sealing key', async () => {
    const before = await open();
    await push(before, ['one']);
    await published(before, 2n);
    await fixture.closeLedgers();

    database = await fixture.openDatabase();
    const after = await open(generateSealingKey(randomBytes));
    expect((await after.status()).frozen).toBeDefined();
    expect(replayed).toEqual([]);
  });
});

describe('when the sealing key is replaced', () => {
  const next = generateSealingKey(randomBytes);
  const panelOf = (key: Uint8Array): string =>
    Buffer.from(sealingPanelId(sealingPublicKey(key))).toString('hex');
  const panelsOf = async (ledger: Ledger): Promise<string[]> =>
    (await ledger.readEntries(0n, 100, EVERYTHING)).flatMap(({ entry }) => {
      const record = isSealedEntry(entry) ? undefined : parseRecord(entry);
      return record?.kind === 'scope-opened' ? [record.panelId] : [];
    });
  const statementsOf = async (ledger: Ledger): Promise<LedgerRecord[]> =>
    (await ledger.readEntries(0n, 100, EVERYTHING)).map(({ statement }) => parseRecord(statement));

  test('what comes is sealed to the new one, and what was there opens by the old one as it stands', async () => {
    const before = await open();
    const old = await push(before, ['one', 'two']);
    await published(before, 3n);
    const bundle = await before.readBundle({ index: 0n, width: 3 });
    await before.close();

    const after = await openWith(sealingKeysOf(next, sealingKey));
    const fresh = await push(after, ['three']);
    await expect.poll(() => panelsOf(after)).toEqual([sealingKey, next].map(panelOf));
    await expect.poll(() => kindsOf(after)).toContain('scope-closed');
    const statements = await statementsOf(after);
    for (const record of [...old, ...fresh]) expect(statements).toContainEqual(record);
    expect(await after.readBundle({ index: 0n, width: 3 })).toEqual(bundle);
    // The next push finds the new scope.
    await push(after, ['four']);
    await expect.poll(() => statementsOf(after).then((all) => all.length)).toBe(7);
    expect(await panelsOf(after)).toHaveLength(2);
  });

  test('without the old key nothing that was sealed to it is shown, pushed under it or recovered', async () => {
    const before = await open();
    await push(before, ['one']);
    await published(before, 2n);
    await before.close();
    const without = await openWith(sealingKeysOf(next));
    await expect(without.readEntries(0n, 100, EVERYTHING)).rejects.toMatchObject({ code: 'KEY_MISSING' });
    await expect(push(without, ['two'])).rejects.toMatchObject({ code: 'KEY_MISSING' });
  });

  test('a lost database comes back from records of both', async () => {
    const before = await open();
    const old = await push(before, ['one']);
    await published(before, 2n);
    await before.close();
    const both = sealingKeysOf(next, sealingKey);
    const after = await openWith(both);
    const fresh = await push(after, ['two']);
    await expect.poll(() => panelsOf(after).then((all) => all.length)).toBe(2);
    await expect.poll(() => kindsOf(after)).toContain('scope-closed');
    await fixture.closeLedgers();

    database = await fixture.openDatabase();
    const restored = await openWith(both);
    await published(restored, 5n);
    const statements = await statementsOf(restored);
    for (const record of [...old, ...fresh]) expect(statements).toContainEqual(record);
    expect(replayed.map(({ recordId }) => recordId)).toEqual(
      expect.arrayContaining([...old, ...fresh].map(({ recordId }) => recordId)),
    );
  });

  let statements = 0;
  const run = (text: string): Promise<{ panel_id: Buffer }[]> =>
    database.query({ name: `test-scopes-${(statements += 1)}`, text });

  test('scopes of the version before learn from their record which key they are of; one without is of the oldest', async () => {
    const before = await open();
    const old = await push(before, ['one']);
    await published(before, 2n);
    await before.close();
    await run('UPDATE scope SET panel_id = NULL');
    const unmarked = await openWith(sealingKeysOf(next, sealingKey));
    expect(await statementsOf(unmarked)).toContainEqual(old[0]);
    await unmarked.close();

    const [, update = ''] = /^(UPDATE [^;]*);/m.exec(await readFile(MIGRATION, 'utf8')) ?? [];
    await run(update);
    const rows = await run('SELECT panel_id FROM scope');
    expect(rows.map(({ panel_id }) => panel_id.toString('hex'))).toEqual([panelOf(sealingKey)]);
  });
});
