import { afterEach, expect, test, vi } from 'vitest';

import { shareCalls } from './shared-calls.ts';

/** Waits until what is due in this turn of the event loop, and what that makes due, has begun. */
const turn = async (): Promise<void> => {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
};

/** Calls that end only when told to, and what was asked; whatever contains `bad` fails. */
function openCalls(failure: () => Error = () => new Error('bad'), { paceMs = 0 } = {}) {
  const asked: (string | readonly string[])[] = [];
  const ends: (() => void)[] = [];
  const ended = () => new Promise<void>((resolve) => ends.push(resolve));
  const call = shareCalls<string, string>({
    paceMs,
    async callOne(one) {
      asked.push(one);
      await ended();
      if (one === 'bad') throw failure();
      return `${one} alone`;
    },
    async callAll(all) {
      asked.push(all);
      await ended();
      if (all.includes('bad')) throw failure();
      return all.map((one) => `${one} together`);
    },
  });
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await turn();
  };
  return { asked, call, end };
}

afterEach(() => {
  vi.useRealTimers();
});

test('calls of one turn of the event loop are made together', async () => {
  const { asked, call, end } = openCalls();
  const all = [call('a'), call('b')];
  expect(asked).toEqual([]);
  await turn();
  expect(asked).toEqual([['a', 'b']]);
  await end();
  expect(await Promise.all(all)).toEqual(['a together', 'b together']);
});

test('calls that arrive while another is under way are made together', async () => {
  const { asked, call, end } = openCalls();
  const all = [call('a')];
  await turn();
  all.push(call('b'), call('c'));
  expect(asked).toEqual(['a']);
  await end();
  expect(asked).toEqual(['a', ['b', 'c']]);
  await end();
  expect(await Promise.all(all)).toEqual(['a alone', 'b together', 'c together']);
});

test('where calls fail together each is made by itself', async () => {
  const { asked, call, end } = openCalls();
  const first = call('a');
  await turn();
  const others = [call('b'), call('bad'), call('c')];
  await end();
  await end();
  expect(asked).toEqual(['a', ['b', 'bad', 'c'], 'b', 'bad', 'c']);
  const settled = Promise.allSettled(others);
  for (let left = 3; left > 0; left -= 1) await end();
  expect(await settled).toMatchObject([
    { value: 'b alone' },
    { status: 'rejected', reason: { message: 'bad' } },
    { value: 'c alone' },
  ]);
  expect(await first).toBe('a alone');
});

test('where the connection is lost all fail: nobody knows what became of them', async () => {
  const { asked, call, end } = openCalls(() => Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
  const first = call('a');
  await turn();
  const settled = Promise.allSettled([call('b'), call('bad')]);
  await end();
  await end();
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(asked).toEqual(['a', ['b', 'bad']]);
  await first;
});

test('a call that takes long does not keep others waiting', async () => {
  const { asked, call, end } = openCalls();
  const first = call('a');
  await turn();
  const second = call('b');
  await expect.poll(() => asked).toEqual(['a', 'b']);
  await end();
  await end();
  expect(await Promise.all([first, second])).toEqual(['a alone', 'b alone']);
});

test('paced calls are gathered for so long behind the one before, and the first behind a pause is made at once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const { asked, call, end } = openCalls(undefined, { paceMs: 5 });
  const first = call('a');
  await turn();
  await end();
  expect(await first).toBe('a alone');
  const gathered = [call('b'), call('c')];
  vi.advanceTimersByTime(4);
  gathered.push(call('d'));
  await turn();
  expect(asked).toEqual(['a']);
  vi.advanceTimersByTime(1);
  await turn();
  expect(asked).toEqual(['a', ['b', 'c', 'd']]);
  await end();
  expect(await Promise.all(gathered)).toEqual(['b together', 'c together', 'd together']);

  vi.advanceTimersByTime(5);
  const later = call('e');
  await turn();
  expect(asked.at(-1)).toBe('e');
  await end();
  expect(await later).toBe('e alone');
});
