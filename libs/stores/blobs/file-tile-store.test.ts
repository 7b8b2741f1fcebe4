import { link, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openFileTileStore } from './file-tile-store.ts';
import type { TileStore } from './tile-store.ts';

const KEY = 'log/public/tile/0/x001/067';

let root: string;
let store: TileStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tiles-'));
  store = await openFileTileStore(root);
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

async function collect(source: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const key of source) found.push(key);
  return found;
}

const keys = (prefix: string): Promise<string[]> => collect(store.list(prefix));

test('stores once, and knows the same bytes again', async () => {
  expect(await store.get(KEY)).toBeUndefined();
  expect(await store.putIfAbsent(KEY, Buffer.from('tile'))).toBe('stored');
  expect(await store.putIfAbsent(KEY, Buffer.from('tile'))).toBe('present');
  expect((await store.get(KEY))?.toString()).toBe('tile');
  expect(await readdir(join(root, 'tmp'))).toEqual([]);
});

test.each(['tilf', 'til', 'tiles', ''])('refuses other bytes under the same key: %j', async (other) => {
  await store.putIfAbsent(KEY, Buffer.from('tile'));
  await expect(store.putIfAbsent(KEY, Buffer.from(other))).rejects.toMatchObject({ code: 'TILE_CONFLICT' });
  expect((await store.get(KEY))?.toString()).toBe('tile');
  expect(await readdir(join(root, 'tmp'))).toEqual([]);
});

test('lets exactly one of many store, from several openings of the folder', async () => {
  const stores = [store, await openFileTileStore(root), await openFileTileStore(root)];
  const outcomes = await Promise.allSettled(
    Array.from({ length: 30 }, (_, index) =>
      (stores[index % 3] ?? store).putIfAbsent(KEY, Buffer.from(index % 2 === 0 ? 'even' : 'odd')),
    ),
  );
  const count = (wanted: string): number =>
    outcomes.filter((one) => (one.status === 'fulfilled' ? one.value : 'conflict') === wanted).length;
  expect(count('stored')).toBe(1);
  expect(count('present')).toBe(14);
  expect(count('conflict')).toBe(15);
});

test('replaces a mutable object', async () => {
  await store.replace('log/public/checkpoint', Buffer.from('one'));
  await store.replace('log/public/checkpoint', Buffer.from('two'));
  expect((await store.get('log/public/checkpoint'))?.toString()).toBe('two');
});

test('shows whole objects only while one is replaced', async () => {
  const bodies = ['a', 'b'].map((letter) => Buffer.alloc(100_000, letter));
  await store.replace(KEY, Buffer.alloc(100_000, 'a'));
  const writes = Array.from({ length: 20 }, (_, index) =>
    store.replace(KEY, bodies[index % 2] ?? Buffer.alloc(0)),
  );
  const reads = Array.from({ length: 50 }, () => store.get(KEY));
  for (const seen of await Promise.all(reads)) expect(bodies).toContainEqual(seen);
  await Promise.all(writes);
});

test('deletes', async () => {
  await store.putIfAbsent(KEY, Buffer.from('tile'));
  expect(await store.delete(KEY)).toBe(true);
  expect(await store.delete(KEY)).toBe(false);
  expect(await store.get(KEY)).toBeUndefined();
});

test('lists by prefix in byte order', async () => {
  const all = ['a-b', 'a.b', 'a/b', 'a/c/d', 'a0', 'b', 'log/x/1', 'log/x/10', 'log/x/2'];
  for (const key of all.toReversed()) await store.putIfAbsent(key, Buffer.from(key));
  expect(await keys('')).toEqual(all);
  expect(await keys('a/')).toEqual(['a/b', 'a/c/d']);
  expect(await keys('log/x/1')).toEqual(['log/x/1', 'log/x/10']);
  expect(await keys('nothing/')).toEqual([]);
  expect(await keys('b/')).toEqual([]);
});

test('sees no object in a folder, and nothing below an object', async () => {
  await store.putIfAbsent('a/b', Buffer.from('x'));
  expect(await store.get('a')).toBeUndefined();
  expect(await store.get('a/b/c')).toBeUndefined();
  expect(await store.delete('a')).toBe(false);
  await expect(store.putIfAbsent('a/b/c', Buffer.from('x'))).rejects.toMatchObject({ code: 'IO' });
});

test.each([
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  'a/../b',
  './a',
  'a\\b',
  'a b',
  'a\0',
  'ä',
  'x'.repeat(201),
])('refuses the key %j', async (key) => {
  const refused = expect.objectContaining({ code: 'KEY_INVALID' }) as Error;
  await expect(store.putIfAbsent(key, Buffer.from('x'))).rejects.toEqual(refused);
  await expect(store.replace(key, Buffer.from('x'))).rejects.toEqual(refused);
  await expect(store.get(key)).rejects.toEqual(refused);
  await expect(store.delete(key)).rejects.toEqual(refused);
});

test('refuses a key of more than 512 characters and a prefix that leads out', async () => {
  await expect(store.get('a/'.repeat(256) + 'a')).rejects.toMatchObject({ code: 'KEY_INVALID' });
  await expect(keys('../')).rejects.toMatchObject({ code: 'KEY_INVALID' });
});

test('carries on where a crash came between the link and the sweep', async () => {
  await writeFile(join(root, 'tmp', 'left'), 'tile');
  await store.putIfAbsent('log/other', Buffer.from('x'));
  await link(join(root, 'tmp', 'left'), join(root, 'tiles', 'log', 'tile'));
  await openFileTileStore(root, new Date(Date.now() + 7_200_000));
  expect(await readdir(join(root, 'tmp'))).toEqual([]);
  expect(await store.putIfAbsent('log/tile', Buffer.from('tile'))).toBe('present');
});

test('gives back what it took, whatever the keys and bytes', async () => {
  const key = fc
    .stringMatching(/^[a-z0-9.]{1,3}(\/[a-z0-9]{1,3}){0,2}$/)
    .filter((text) => !/^\.{1,2}(\/|$)/.test(text));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.tuple(key, fc.uint8Array())), async (objects) => {
      const fresh = await openFileTileStore(await mkdtemp(join(root, 'run-')));
      const held = new Map<string, Uint8Array>();
      for (const [name, bytes] of objects) {
        const nested = [...held.keys()].some(
          (one) => one.startsWith(`${name}/`) || name.startsWith(`${one}/`),
        );
        if (nested) continue;
        await fresh.replace(name, bytes);
        held.set(name, bytes);
      }
      expect(await collect(fresh.list(''))).toEqual([...held.keys()].sort());
      for (const [name, bytes] of held) expect(await fresh.get(name)).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 30 },
  );
});
