import { expect, test } from 'vitest';

import { sparing } from './sparing.ts';

test('who asks while it runs, or within a second, has nothing done anew', async () => {
  let [now, calls] = [0, 0];
  const gate = Promise.withResolvers<undefined>();
  const ask = sparing(
    async () => {
      calls += 1;
      await gate.promise;
    },
    () => now,
  );
  const asked = [ask('globex.example'), ask('globex.example'), ask('initech.example')];
  expect(calls).toBe(2);
  gate.resolve(undefined);
  await Promise.all(asked);
  now = 999;
  await ask('globex.example');
  expect(calls).toBe(2);
  now = 1_000;
  await ask('globex.example');
  expect(calls).toBe(3);
});

test('a failure is told to who waits for it, and is no reason to do it at once again', async () => {
  let now = 0;
  let calls = 0;
  const ask = sparing(
    () => {
      calls += 1;
      return Promise.reject(new Error('away'));
    },
    () => now,
  );
  await expect(ask('globex.example')).rejects.toThrow('away');
  await ask('globex.example');
  expect(calls).toBe(1);
  now = 1_000;
  await expect(ask('globex.example')).rejects.toThrow('away');
});
