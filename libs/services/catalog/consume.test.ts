import type { Database } from '@dockchains/database';
import type { LedgerRecord } from '@dockchains/records';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { consumeEntries } from './consume.ts';
import { consumeAll, dump, openCatalogDatabase, positionOf } from './testing/catalog-database.ts';
import {
  attached,
  deleted,
  digestOfText,
  type MemorySource,
  openMemorySource,
  published,
  tagged,
  untagged,
  withdrawn,
} from './testing/memory-source.ts';

let database: Database;
let close: () => Promise<void>;
let made = 0;

beforeAll(async () => {
  ({ database, close } = await openCatalogDatabase());
});
afterAll(() => close());

/** A ledger of its own, of the same organisation. */
function openSource(...records: readonly LedgerRecord[]): MemorySource {
  made += 1;
  const source = openMemorySource(`globex.example/ledger/${made}/public`);
  source.append(...records);
  return source;
}

type Dump = Record<string, { tags: Record<string, string> | null; artifacts: Record<string, string> | null }>;

async function summaryOf(source: MemorySource, batch?: number): Promise<object> {
  await consumeAll(database, source, batch);
  const all = (await dump(database, source.origin)) as Dump;
  return Object.fromEntries(
    Object.entries(all).map(([name, { tags, artifacts }]) => [
      name,
      { tags: Object.keys(tags ?? {}).sort(), artifacts: Object.keys(artifacts ?? {}).length },
    ]),
  );
}

test.each([
  {
    name: 'a push',
    records: [published('a'), tagged('1.0', 'a')],
    expected: { 'public/app': { tags: ['1.0'], artifacts: 1 } },
  },
  {
    name: 'a tag whose manifest nobody published',
    records: [tagged('1.0', 'a')],
    expected: { 'public/app': { tags: ['1.0'], artifacts: 1 } },
  },
  {
    name: 'a tag that was deleted',
    records: [published('a'), tagged('1.0', 'a'), untagged('1.0', 'a')],
    expected: { 'public/app': { tags: [], artifacts: 1 } },
  },
  {
    name: 'a manifest that was deleted, and its tags alone',
    records: [
      published('a'),
      tagged('1', 'a'),
      published('b'),
      tagged('2', 'b'),
      tagged('3', 'a'),
      deleted('a'),
    ],
    expected: { 'public/app': { tags: ['2'], artifacts: 1 } },
  },
  {
    name: 'a manifest that came back',
    records: [published('a'), tagged('1', 'a'), deleted('a'), published('a'), tagged('2', 'a')],
    expected: { 'public/app': { tags: ['2'], artifacts: 1 } },
  },
  {
    name: 'a repository that holds nothing any more',
    records: [published('a'), tagged('1', 'a'), deleted('a')],
    expected: {},
  },
  {
    name: 'a repository that was withdrawn',
    records: [published('a'), tagged('1', 'a'), withdrawn()],
    expected: {},
  },
  {
    name: 'a repository that is public again',
    records: [
      published('a'),
      tagged('1', 'a'),
      tagged('2', 'a'),
      withdrawn(),
      published('a'),
      tagged('1', 'a'),
    ],
    expected: { 'public/app': { tags: ['1'], artifacts: 1 } },
  },
  {
    name: 'records of another organisation, which its ledger has no say about',
    records: [published('a', { organisation: 'initech.example' }), published('b', { repository: 'own' })],
    expected: { own: { tags: [], artifacts: 1 } },
  },
  {
    name: 'a name that none can be',
    records: [
      published('a', { repository: 'Not A Name' }),
      tagged('not a tag', 'a'),
      published('b', { repository: 'own' }),
    ],
    expected: { own: { tags: [], artifacts: 1 } },
  },
])('consumes $name, whatever the batches', async ({ records, expected }) => {
  for (const batch of [1, 2, 100]) expect(await summaryOf(openSource(...records), batch)).toEqual(expected);
});

test('keeps what a manifest was attached to, in one batch and in two', async () => {
  for (const batch of [1, 2]) {
    const source = openSource(published('sbom'), attached('sbom', 'image'));
    await consumeAll(database, source, batch);
    expect(JSON.stringify(await dump(database, source.origin))).toContain(digestOfText('image'));
  }
});

test('steps over what is no record', async () => {
  const source = openSource(published('a'));
  source.appendBytes(Buffer.from('{'), new Uint8Array(), Buffer.from([0xff]), Buffer.from('{"_type":"x"}'));
  source.append(tagged('1', 'a'), published('nul', { source: 'https://example.com/\0' }));
  expect(await summaryOf(source)).toEqual({ 'public/app': { tags: ['1'], artifacts: 2 } });
  expect(await positionOf(database, source)).toBe(7n);
});

test('consumes an entry once, however often and by however many it is handed over', async () => {
  const source = openSource(published('a'), tagged('1', 'a'), tagged('2', 'a'));
  const entries = await source.read(0n, 100);
  const hand = () => consumeEntries(database, { source, generation: 1 }, entries);
  const outcomes = await Promise.all([hand(), hand(), hand(), hand()]);
  expect(outcomes.filter((consumed) => consumed)).toHaveLength(1);
  expect(await hand()).toBe(false);
  expect(await positionOf(database, source)).toBe(3n);
});

test('changes nothing where the transaction does not commit', async () => {
  const source = openSource(published('a'), tagged('1', 'a'));
  const failing: Database = Object.create(database, {
    transaction: {
      value: (work: Parameters<Database['transaction']>[0]) =>
        database.transaction(async (transaction) => {
          await work(transaction);
          throw new Error('killed');
        }),
    },
  }) as Database;
  const entries = await source.read(0n, 100);
  await expect(consumeEntries(failing, { source, generation: 1 }, entries)).rejects.toThrow('killed');
  expect(await positionOf(database, source)).toBe(0n);
  expect(await dump(database, source.origin)).toEqual({});
});

test('gives the same catalog for any history, however it is cut into batches', async () => {
  const name = fc.constantFrom('public/a', 'public/b');
  const manifest = fc.constantFrom('x', 'y', 'z');
  const tag = fc.constantFrom('1', '2');
  const record = fc.oneof(
    fc.record({ manifest, name }).map(({ manifest: m, name: repository }) => published(m, { repository })),
    fc
      .record({ tag, manifest, name })
      .map(({ tag: t, manifest: m, name: repository }) => tagged(t, m, { repository })),
    fc
      .record({ tag, manifest, name })
      .map(({ tag: t, manifest: m, name: repository }) => untagged(t, m, { repository })),
    fc.record({ manifest, name }).map(({ manifest: m, name: repository }) => deleted(m, { repository })),
    fc
      .record({ manifest, name })
      .map(({ manifest: m, name: repository }) => attached(m, 's', { repository })),
    name.map((repository) => withdrawn({ repository })),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { maxLength: 25 }),
      fc.integer({ min: 2, max: 30 }),
      async (records, batch) => {
        const [one, other] = [openSource(...records), openSource(...records)];
        await consumeAll(database, one, 1);
        await consumeAll(database, other, batch);
        expect(await dump(database, other.origin)).toEqual(await dump(database, one.origin));
      },
    ),
    { numRuns: 40 },
  );
});
