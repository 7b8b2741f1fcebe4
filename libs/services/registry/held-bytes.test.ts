import { randomBytes } from 'node:crypto';

import { expect, test } from 'vitest';

import { openHeldBytes } from './held-bytes.ts';

test('puts chunks behind one another', () => {
  const held = openHeldBytes();
  held.note('a', 0, Buffer.alloc(0));
  expect(held.find('a')).toEqual(Buffer.alloc(0));
  held.note('a', 0, Buffer.from('one'));
  held.note('b', 0, Buffer.from('other'));
  held.note('a', 3, Buffer.from('two'));
  expect(held.find('a')?.toString()).toBe('onetwo');
  expect(held.find('b')?.toString()).toBe('other');
});

test.each([
  { what: 'that begins behind what is known', offset: 4 },
  { what: 'that begins before its end', offset: 2 },
])('forgets an upload with a chunk $what', ({ offset }) => {
  const held = openHeldBytes();
  held.note('a', 0, Buffer.from('one'));
  held.note('a', offset, Buffer.from('two'));
  expect(held.find('a')).toBeUndefined();
});

test('forgets what it is told to', () => {
  const held = openHeldBytes();
  held.note('a', 0, Buffer.from('one'));
  held.forget('a');
  held.forget('b');
  expect(held.find('a')).toBeUndefined();
});

test('keeps at most 8 MiB, the newest', () => {
  const held = openHeldBytes();
  const bytes = randomBytes(65_536);
  for (let index = 0; index < 130; index += 1) held.note(String(index), 0, bytes);
  expect([held.find('0'), held.find('1')]).toEqual([undefined, undefined]);
  expect(held.find('2')?.equals(bytes)).toBe(true);
  expect(held.find('129')?.equals(bytes)).toBe(true);
});

test('keeps at most 4,096 uploads', () => {
  const held = openHeldBytes();
  for (let index = 0; index < 4097; index += 1) held.note(String(index), 0, Buffer.alloc(0));
  expect(held.find('0')).toBeUndefined();
  expect(held.find('1')).toBeDefined();
});
