import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type KeyedList, readConnection } from './connection.ts';
import { encodeCursor, parseCursor } from './cursor.ts';

const listOf = (keys: readonly string[]): KeyedList<string> => ({
  list: ['keys'],
  keyOf: (key) => key,
  read: ({ after, limit }) =>
    Promise.resolve(keys.filter((key) => after === undefined || key > after).slice(0, limit)),
});

const keys = fc.uniqueArray(fc.stringMatching(/^[ -~]{1,20}$/), { maxLength: 40 }).map((all) => all.sort());

test('pages of any length give a list whole, each item once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(keys, fc.integer({ min: 1, max: 100 }), async (all, first) => {
      const found: string[] = [];
      for (let after: string | undefined; ;) {
        const { edges, nodes, pageInfo } = await readConnection(
          { first, ...(after !== undefined && { after }) },
          listOf(all),
        );
        expect(edges.map(({ node }) => node)).toEqual(nodes);
        expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([edges[0]?.cursor, edges.at(-1)?.cursor]);
        expect(pageInfo.hasPreviousPage).toBe(after !== undefined);
        found.push(...nodes);
        if (!pageInfo.hasNextPage) break;
        after = pageInfo.endCursor;
      }
      expect(found).toEqual(all);
    }),
  );
});

test('an item that is gone does not lose the place behind it', async () => {
  const cursor = encodeCursor(['keys'], 'b');
  expect((await readConnection({ first: 2, after: cursor }, listOf(['a', 'c', 'd']))).nodes).toEqual([
    'c',
    'd',
  ]);
});

test.each([0, -1, 101, 2 ** 31 - 1])('a page of %d items is refused', async (first) => {
  await expect(readConnection({ first }, listOf(['a']))).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
});

test('a cursor gives back its key in its own list and in no other', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{1,255}$/), fc.array(fc.string(), { maxLength: 2 }), (key, list) => {
      const cursor = encodeCursor(list, key);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(parseCursor(list, cursor)).toBe(key);
      expect(() => parseCursor([...list, 'more'], cursor)).toThrow(
        expect.objectContaining({ code: 'BAD_USER_INPUT' }),
      );
    }),
  );
});

test('whatever else is given as a cursor is refused', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const broken = [
    '',
    '!',
    'x'.repeat(10_000),
    ...['a', 7, null, {}, [], ['keys'], ['keys', 7], ['keys', 'a\u0000']].map(encode),
  ];
  for (const cursor of broken) {
    expect(() => parseCursor(['keys'], cursor)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
  }
});
