import { expect, test } from 'vitest';

import { openRandomBytes } from './random-bytes.ts';

test('gives bytes of the length asked for, none of them twice, across draws', () => {
  const randomBytes = openRandomBytes();
  const given = Array.from({ length: 1000 }, (_, n) => randomBytes(n % 3 === 0 ? 24 : 16));
  expect(given.map(({ length }) => length)).toEqual(
    Array.from({ length: 1000 }, (_, n) => (n % 3 === 0 ? 24 : 16)),
  );
  expect(new Set(given.map((bytes) => bytes.toString('hex').slice(0, 32))).size).toBe(1000);
});
