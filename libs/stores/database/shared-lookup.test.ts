import { expect, test } from 'vitest';

import { shareLookups } from './shared-lookup.ts';

/** A look-up that answers only when told to, and remembers what it was asked. */
function openLookup() {
  const asked: (readonly number[])[] = [];
  const answers: (() => void)[] = [];
  const find = shareLookups<number, string>(
    (keys) =>
      new Promise((resolve) => {
        asked.push(keys);
        answers.push(() => {
          resolve(keys.map(String));
        });
      }),
  );
  return { asked, answers, find };
}

test('calls that arrive while a look-up is under way share the next one', async () => {
  const { asked, answers, find } = openLookup();
  const first = find(1);
  const others = [find(2), find(3), find(2)];
  expect(asked).toEqual([[1]]);

  answers[0]?.();
  expect(await first).toBe('1');
  await new Promise(setImmediate);
  expect(asked).toEqual([[1], [2, 3, 2]]);

  answers[1]?.();
  expect(await Promise.all(others)).toEqual(['2', '3', '2']);
});

test('a look-up that fails fails for its callers alone', async () => {
  let calls = 0;
  const find = shareLookups<number, number>((keys) => {
    calls += 1;
    return calls === 1 ? Promise.reject(new Error('gone')) : Promise.resolve(keys);
  });
  const [first, second] = await Promise.allSettled([find(1), find(2)]);
  expect(first.status).toBe('rejected');
  expect(second).toEqual({ status: 'fulfilled', value: 2 });
});

test('a look-up that gives too few values is an error, not another key’s value', async () => {
  const find = shareLookups<number, number>(() => Promise.resolve([]));
  await expect(find(1)).rejects.toThrow();
});
