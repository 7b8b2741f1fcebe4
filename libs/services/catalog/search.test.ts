import type { Readable } from '@dockchains/access';
import type { Database, Transaction } from '@dockchains/database';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MAX_MATCHES, searchRepositories, type SearchRequest } from './search.ts';
import { consumeAll, openCatalogDatabase } from './testing/catalog-database.ts';
import { openMemorySource, published } from './testing/memory-source.ts';

const GLOBEX = 'globex.example/ledger/public';
const PUBLIC = 'acme.example/ledger/public';
const PRIVATE = 'acme.example/ledger/private';
const NOBODY: Readable = { policies: [], scopes: [], everything: false };
const TEAM: Readable = { policies: ['^team/.+$'], scopes: ['^.+$'], everything: false };
const OPERATOR: Readable = { policies: ['^.+$'], scopes: ['^.+$'], everything: true };

let database: Database;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ database, close } = await openCatalogDatabase());
  const fill = async (origin: string, names: readonly string[], visibility?: string): Promise<void> => {
    const source = openMemorySource(origin);
    const { organisation } = source;
    const names_ = names.map((repository) =>
      published(repository, { repository, organisation, source: `https://git.example/${organisation}/x` }),
    );
    source.append(...names_);
    await consumeAll(database, source);
    if (visibility === undefined) return;
    const text =
      'INSERT INTO repository (name, visibility) SELECT name, $2 FROM unnest($1::text[]) AS n(name)';
    await database.query({ name: '', text }, [names, visibility]);
  };
  await fill(GLOBEX, ['public/redis-cache', 'public/redis', 'tools/redis-exporter', 'public/node', 'redis']);
  await fill(PUBLIC, ['public/redis', 'public/withdrawn-redis'], 'public');
  await fill(PRIVATE, ['team/redis-secret', 'other/redis-secret'], 'private');
});
afterAll(() => close());

async function search(
  text: string,
  readable: Readable = NOBODY,
  request: Partial<SearchRequest> = {},
  origins: readonly string[] = [GLOBEX, PUBLIC, PRIVATE],
) {
  const scope = { readable, own: 'acme.example', origins };
  return searchRepositories(database, scope, { text, limit: 100, ...request });
}

const namesOf = ({ items }: Awaited<ReturnType<typeof search>>): string[] =>
  items.map(({ organisation, name }) => `${organisation}/${name}`);

test('puts the very name first, then what ends with it, then what only has it', async () => {
  const names = namesOf(await search('redis'));
  expect(names[0]).toBe('globex.example/redis');
  expect(names.slice(1, 3)).toEqual(['acme.example/public/redis', 'globex.example/public/redis']);
  expect(new Set(names.slice(3))).toEqual(
    new Set([
      ...['globex.example/public/redis-cache', 'globex.example/tools/redis-exporter'],
      'acme.example/public/withdrawn-redis',
    ]),
  );
});

test.each([
  { text: 'redis cache', found: ['globex.example/public/redis-cache'] },
  { text: 'EXPORT', found: ['globex.example/tools/redis-exporter'] },
  { text: 'edis-cach', found: ['globex.example/public/redis-cache'] },
  { text: 'globex node', found: ['globex.example/public/node'] },
  { text: 'git.example node', found: ['globex.example/public/node'] },
  { text: '100%', found: [] },
  { text: `' | ! & ( redis <-> :*cache`, found: ['globex.example/public/redis-cache'] },
  { text: 'no', found: [] },
])('finds what "$text" stands for', async ({ text, found }) => {
  expect(namesOf(await search(text))).toEqual(found);
});

test('narrows to an organisation', async () => {
  const { items } = await search('redis', NOBODY, { organisation: 'acme.example' });
  expect(items.map(({ name }) => name).sort()).toEqual(['public/redis', 'public/withdrawn-redis']);
});

test('goes on where a page ended, over every item once', async () => {
  const whole = namesOf(await search('redis'));
  const parts: string[] = [];
  let after: SearchRequest['after'];
  for (;;) {
    const page = await search('redis', NOBODY, { limit: 2, ...(after && { after }) });
    expect(page.matches).toBe(whole.length);
    if (page.items.length === 0) break;
    parts.push(...namesOf(page));
    after = page.items.at(-1);
  }
  expect(parts).toEqual(whole);
});

test.each(['', '  ', '!!', 'a b c d e f g h i', 'x'.repeat(257)])('refuses "%s"', async (text) => {
  await expect(search(text)).rejects.toMatchObject({ code: 'BAD_QUERY' });
});

describe('what is not for the caller', () => {
  const hidden = (names: readonly string[]): string[] => names.filter((name) => name.includes('secret'));

  test('is found by those alone who may read it, and counted for no one else', async () => {
    const [none, team, all] = await Promise.all([
      search('redis'),
      search('redis', TEAM),
      search('redis', OPERATOR),
    ]);
    expect(hidden(namesOf(none))).toEqual([]);
    expect(hidden(namesOf(team))).toEqual(['acme.example/team/redis-secret']);
    expect(hidden(namesOf(all))).toHaveLength(2);
    expect([team.matches - none.matches, all.matches - none.matches]).toEqual([1, 2]);
  });

  test('is looked for in no index that anonymous searches use', async () => {
    let text = '';
    const spy = {
      transaction: <T>(work: (transaction: Transaction) => Promise<T>) =>
        work({
          query: (statement) => {
            ({ text } = statement);
            return Promise.resolve([]);
          },
        }),
    };
    const scope = { readable: NOBODY, own: 'acme.example', origins: [GLOBEX] };
    await searchRepositories(spy, scope, { text: 'redis', limit: 1 });
    expect(text).not.toContain(`visibility <> 'public'`);
    await searchRepositories(spy, { ...scope, readable: TEAM }, { text: 'redis', limit: 1 });
    expect(text).toContain(`visibility <> 'public'`);
  });

  test('goes at once when a repository is made private, though its ledger has not said so', async () => {
    const name = 'public/withdrawn-redis';
    const set = (visibility: string) =>
      database.query({ name: '', text: 'UPDATE repository SET visibility = $2 WHERE name = $1' }, [
        name,
        visibility,
      ]);
    await set('private');
    const found = [...namesOf(await search('withdrawn')), ...namesOf(await search('withdrawn', TEAM))];
    await set('public');
    expect(found).toEqual([]);
    expect(namesOf(await search('withdrawn'))).toEqual([`acme.example/${name}`]);
  });

  test('is what stands in ledgers that are not among the sources', async () => {
    const names = namesOf(await search('redis', OPERATOR, {}, [PUBLIC]));
    expect(names.sort()).toEqual(['acme.example/public/redis', 'acme.example/public/withdrawn-redis']);
  });

  test('does not crowd out what is', async () => {
    const source = openMemorySource('acme.example/ledger/private');
    const names = Array.from({ length: MAX_MATCHES + 50 }, (_, number) => `other/crowd-${number}`);
    const at = BigInt(2);
    const read = source.read.bind(source);
    source.append(
      ...names.map((repository) => published(repository, { repository, organisation: 'acme.example' })),
    );
    // Goes on behind what the ledger of this origin has already told.
    await consumeAll(database, {
      ...source,
      read: async (start, limit) =>
        (await read(start - at, limit)).map(({ index, entry }) => ({ index: index + at, entry })),
    });
    const visible = openMemorySource('initech.example/ledger/public');
    visible.append(published('crowd', { repository: 'public/crowd', organisation: 'initech.example' }));
    await consumeAll(database, visible);
    const origins = [PRIVATE, visible.origin];
    const text = `INSERT INTO repository (name, visibility) SELECT name, 'private' FROM unnest($1::text[]) AS n(name)`;
    await database.query({ name: '', text }, [names]);
    for (const readable of [NOBODY, TEAM]) {
      const found = await search('crowd', readable, {}, origins);
      expect({ names: namesOf(found), matches: found.matches }).toEqual({
        names: ['initech.example/public/crowd'],
        matches: 1,
      });
    }
    expect((await search('crowd', OPERATOR, {}, origins)).matches).toBe(MAX_MATCHES);
  });
});
