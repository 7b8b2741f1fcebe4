import { afterEach, expect, test, vi } from 'vitest';

import { shareLookups } from './shared-lookup.ts';

/** Waits until what is due in this turn of the event loop, and what that makes due, has begun. */
const turn = async (): Promise<void> => {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
};

/** A look-up that answers only when told to, and remembers what it was asked. */
function openLookup({ paceMs = 0 } = {}) {
  const asked: (readonly number[])[] = [];
  const answers: (() => void)[] = [];
  const find = shareLookups<number, string>({
    paceMs,
    identify: String,
    lookUpAll: (keys) =>
      new Promise((resolve) => {
        asked.push(keys);
        answers.push(() => {
          resolve(keys.map((key) => `${key} in look-up ${asked.length}`));
        });
      }),
  });
  return { asked, answers, find };
}

afterEach(() => {
  vi.useRealTimers();
});

test('calls that arrive while a look-up is under way share the next one, and its value if their key is one', async () => {
  const { asked, answers, find } = openLookup();
  const first = find(1);
  await turn();
  const others = [find(2), find(3), find(2)];
  expect(asked).toEqual([[1]]);

  answers[0]?.();
  expect(await first).toBe('1 in look-up 1');
  await turn();
  expect(asked).toEqual([[1], [2, 3]]);

  answers[1]?.();
  expect(await Promise.all(others)).toEqual(['2 in look-up 2', '3 in look-up 2', '2 in look-up 2']);
});

test('keys of one turn of the event loop are looked up together', async () => {
  const { asked, answers, find } = openLookup();
  const all = [find(1), find(2)];
  await turn();
  expect(asked).toEqual([[1, 2]]);
  answers[0]?.();
  expect(await Promise.all(all)).toEqual(['1 in look-up 1', '2 in look-up 1']);
});

test('a call does not get the value of a look-up that was under way before it', async () => {
  const { asked, answers, find } = openLookup();
  const before = find(1);
  await turn();
  const after = find(1);
  answers[0]?.();
  expect(await before).toBe('1 in look-up 1');
  await turn();
  expect(asked).toEqual([[1], [1]]);

  answers[1]?.();
  expect(await after).toBe('1 in look-up 2');
});

test('more keys than a statement takes wait for the next one', async () => {
  const { asked, answers, find } = openLookup();
  const first = find(0);
  await turn();
  const keys = Array.from({ length: 513 }, (_, index) => index + 1);
  const others = keys.map(find);
  for (let answered = 0; answered < 3; answered++) {
    answers[answered]?.();
    await turn();
  }
  await Promise.all([first, ...others]);
  expect(asked).toEqual([[0], keys.slice(0, 512), [513]]);
});

test('a look-up that fails fails for its callers alone', async () => {
  let calls = 0;
  const find = shareLookups<number, number>({
    identify: String,
    lookUpAll: (keys) => {
      calls += 1;
      return calls === 1 ? Promise.reject(new Error('gone')) : Promise.resolve(keys);
    },
  });
  const early = find(1);
  const [first, second] = await Promise.allSettled([early, turn().then(() => find(2))]);
  expect(first.status).toBe('rejected');
  expect(second).toEqual({ status: 'fulfilled', value: 2 });
});

test('a look-up that gives too few values is an error, not another key’s value', async () => {
  const find = shareLookups<number, number>({ identify: String, lookUpAll: () => Promise.resolve([]) });
  await expect(find(1)).rejects.toThrow();
});

test('paced look-ups gather keys for so long behind the one before, and the first behind a pause is made at once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const { asked, answers, find } = openLookup({ paceMs: 5 });
  const first = find(1);
  await turn();
  answers[0]?.();
  expect(await first).toBe('1 in look-up 1');
  await turn();
  const gathered = [find(2), find(3)];
  vi.advanceTimersByTime(4);
  gathered.push(find(4));
  await turn();
  expect(asked).toEqual([[1]]);
  await vi.advanceTimersByTimeAsync(1);
  await turn();
  expect(asked).toEqual([[1], [2, 3, 4]]);
  answers[1]?.();
  await Promise.all(gathered);

  await vi.advanceTimersByTimeAsync(5);
  void find(5);
  await turn();
  expect(asked.at(-1)).toEqual([5]);
});
