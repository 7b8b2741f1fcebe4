import { expect, test } from 'vitest';

import { collectPages, type Connection } from './pages.ts';

const page = (nodes: readonly number[], endCursor: string | null): Connection<number> => ({
  nodes,
  pageInfo: { hasNextPage: endCursor !== null, endCursor },
});

test('pages are read to their end, in order', async () => {
  const pages: Record<string, Connection<number>> = { '': page([1, 2], 'a'), a: page([3], null) };
  const read = collectPages((after = '') => Promise.resolve(pages[after] ?? page([], null)));
  expect(await read).toEqual([1, 2, 3]);
});

test.each([
  ['empty pages without end', page([], 'a')],
  ['the same page without end', page([1, 2, 3], 'a')],
])('a gateway that gives %s is not asked for ever', async (_, answer) => {
  let asked = 0;
  const read = collectPages(() => {
    asked += 1;
    return asked > 50_000 ? Promise.reject(new Error('It is asked for ever.')) : Promise.resolve(answer);
  });
  await expect(read).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
});
