import type { Database } from '@dockchains/database';
import type { EntrySource } from '@dockchains/ledger';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { type Catalog, openCatalog } from './catalog.ts';
import { dump, openCatalogDatabase, positionOf } from './testing/catalog-database.ts';
import {
  digestOfText,
  type MemorySource,
  openMemorySource,
  published,
  tagged,
  withdrawn,
} from './testing/memory-source.ts';

const ORGANISATION = 'acme.example';
const POLL = { timeout: 60_000, interval: 10 };

let database: Database;
let closeDatabase: () => Promise<void>;
const opened: Catalog[] = [];

beforeEach(async () => {
  ({ database, close: closeDatabase } = await openCatalogDatabase());
});
afterEach(async () => {
  for (const catalog of opened.splice(0)) await catalog.close();
  await closeDatabase();
});

/** A gateway's catalog; several may be open on one database. */
function open(...sources: readonly EntrySource[]): Catalog {
  const catalog = openCatalog({
    ...{ database, organisation: ORGANISATION, sources: () => sources },
    access: { findReadable: () => Promise.resolve({ policies: [], scopes: [], everything: false }) },
    log: { info: () => undefined, warn: () => undefined },
  });
  opened.push(catalog);
  return catalog;
}

const caughtUp = (source: MemorySource) =>
  expect
    .poll(async () => (await source.publishedSize()) - (await positionOf(database, source)), POLL)
    .toBe(0n);

test('follows what a ledger publishes, and says how far it is', async () => {
  const source = openMemorySource();
  const catalog = open(source);
  source.append(published('a'), tagged('1.0', 'a'));
  await caughtUp(source);
  const reference = { organisation: 'globex.example', repository: 'public/app' };
  expect(await catalog.findArtifact({ ...reference, tag: '1.0' })).toMatchObject({
    digest: digestOfText('a'),
    tag: '1.0',
  });
  expect(await catalog.findArtifact({ ...reference, digest: digestOfText('a') })).toMatchObject(reference);
  expect(await catalog.findArtifact({ ...reference, tag: '2.0' })).toBeUndefined();
  expect((await catalog.listTags({ ...reference, limit: 10 })).map(({ name }) => name)).toEqual(['1.0']);
  expect(await catalog.listRepositories({ organisation: 'globex.example', limit: 10 })).toMatchObject([
    { name: 'public/app', visibility: 'public' },
  ]);
  expect(await catalog.listByDigest({ digest: digestOfText('a'), limit: 10 })).toMatchObject([reference]);
  expect(await catalog.status()).toEqual({
    rebuilding: false,
    ledgers: [
      {
        ...{ origin: source.origin, organisation: 'globex.example' },
        ...{ publishedSize: 2n, consumed: 2n, rebuilt: undefined },
      },
    ],
  });
  source.append(withdrawn());
  await caughtUp(source);
  expect(await catalog.findArtifact({ ...reference, tag: '1.0' })).toBeUndefined();
});

test('leaves our own repositories, which may have become private, to the registry', async () => {
  const source = openMemorySource(`${ORGANISATION}/ledger/public`);
  const catalog = open(source);
  source.append(published('a', { organisation: ORGANISATION }));
  await caughtUp(source);
  expect(await catalog.listRepositories({ organisation: ORGANISATION, limit: 10 })).toEqual([]);
  expect(await catalog.listByDigest({ digest: digestOfText('a'), limit: 10 })).toEqual([]);
  expect([...catalog.organisations()]).toEqual([]);
});

test('shares the work of two gateways, and counts nothing twice', async () => {
  const sources = ['globex.example', 'initech.example'].map((name) =>
    openMemorySource(`${name}/ledger/public`),
  );
  open(...sources);
  const second = open(...sources);
  for (let round = 0; round < 20; round += 1) {
    for (const source of sources) {
      const { organisation } = source;
      source.append(published(`${round}`, { organisation }), tagged('latest', `${round}`, { organisation }));
    }
  }
  for (const source of sources) {
    await caughtUp(source);
    expect(source.reads).toEqual([...source.reads].sort((one, other) => Number(one - other)));
    expect(new Set(source.reads).size).toBe(source.reads.length);
  }
  // Whoever is left goes on.
  await opened[0]?.close();
  const [source] = sources;
  source?.append(tagged('next', '1'));
  if (source !== undefined) await caughtUp(source);
  const { ledgers } = await second.status();
  expect(ledgers.map(({ consumed }) => consumed)).toEqual([41n, 40n]);
});

test('is built anew beside what is read all the while, and comes out the same', async () => {
  const source = openMemorySource();
  const catalog = open(source);
  source.append(
    ...Array.from({ length: 3_000 }, (_, number) => {
      const repository = `public/app-${number % 50}`;
      return number % 2 === 0
        ? published(`${number}`, { repository })
        : tagged(`${number}`, `${number - 1}`, { repository });
    }),
  );
  await caughtUp(source);
  const before = await dump(database, source.origin);
  expect(Object.keys(before)).toHaveLength(50);

  const over = new AbortController();
  const reading = (async (): Promise<number> => {
    let reads = 0;
    for (; !over.signal.aborted; reads += 1) {
      const list = await catalog.listRepositories({ organisation: 'globex.example', limit: 100 });
      expect(list).toHaveLength(50);
    }
    return reads;
  })();
  await Promise.all([catalog.rebuild(), catalog.rebuild()]); // one rebuild, whoever asks as well
  await expect.poll(async () => (await catalog.status()).rebuilding, POLL).toBe(false);
  over.abort();
  expect(await reading).toBeGreaterThan(0);
  expect(await dump(database, source.origin, 2)).toEqual(before);

  source.append(tagged('after', '0', { repository: 'public/app-0' }));
  await caughtUp(source);
  const rows = async (): Promise<unknown> =>
    database.query({
      name: 'test',
      text: 'SELECT DISTINCT generation FROM catalog_repository',
    });
  await expect.poll(rows, POLL).toEqual([{ generation: 2 }]);
  expect(JSON.stringify(await dump(database, source.origin, 2))).toContain('"after"');
});

test('goes on after a ledger that can not be read', async () => {
  const source = openMemorySource();
  let failures = 0;
  open({
    ...source,
    read: (start, limit) => {
      failures += 1;
      return failures === 1 ? Promise.reject(new Error('away')) : source.read(start, limit);
    },
  });
  source.append(published('a'));
  await caughtUp(source);
  expect(failures).toBeGreaterThan(1);
});
