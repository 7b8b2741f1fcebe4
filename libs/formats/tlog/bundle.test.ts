import fc from 'fast-check';
import { expect, test } from 'vitest';

import { encodeBundle, MAX_ENTRY_BYTES, parseBundle } from './index.ts';
import { refused } from './testing/refused.ts';

test('encodes entries with their lengths before them', () => {
  expect(encodeBundle([Buffer.from('ab'), Buffer.alloc(0), Buffer.alloc(256, 7)])).toEqual(
    Buffer.concat([Uint8Array.of(0, 2), Buffer.from('ab'), Uint8Array.of(0, 0, 1, 0), Buffer.alloc(256, 7)]),
  );
});

test('reads every bundle that it writes, also from within a larger buffer', () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 256 });
  fc.assert(
    fc.property(entries, (list) => {
      const padded = Buffer.concat([Buffer.alloc(3, 0xff), encodeBundle(list), Buffer.alloc(3, 0xff)]);
      const read = parseBundle(padded.subarray(3, -3), list.length);
      expect(read.map((entry) => Uint8Array.from(entry))).toEqual(list);
    }),
  );
});

test('L6: carries the longest entry and refuses a longer one', () => {
  const longest = Buffer.alloc(MAX_ENTRY_BYTES, 1);
  expect(parseBundle(encodeBundle([longest]), 1)).toEqual([longest]);
  expect(() => encodeBundle([Buffer.alloc(MAX_ENTRY_BYTES + 1)])).toThrow(refused('ENTRY_TOO_LARGE'));
});

const bundle = encodeBundle([Buffer.from('one'), Buffer.from('two')]);

test.each([
  { name: 'an entry too few', bytes: bundle, count: 3 },
  { name: 'an entry too many', bytes: bundle, count: 1 },
  { name: 'its last byte cut', bytes: bundle.subarray(0, -1), count: 2 },
  { name: 'a cut length', bytes: bundle.subarray(0, 6), count: 2 },
  { name: 'a byte behind it', bytes: Buffer.concat([bundle, Uint8Array.of(0)]), count: 2 },
  { name: 'no bytes', bytes: new Uint8Array(), count: 1 },
  { name: 'an expected count of 0', bytes: new Uint8Array(), count: 0 },
  { name: 'an expected count of 257', bytes: Buffer.alloc(514), count: 257 },
])('refuses a bundle with $name', ({ bytes, count }) => {
  expect(() => parseBundle(bytes, count)).toThrow(refused('BAD_BUNDLE'));
});

test('refuses to write a bundle of 0 or 257 entries', () => {
  expect(() => encodeBundle([])).toThrow(refused('BAD_BUNDLE'));
  expect(() => encodeBundle(Array.from({ length: 257 }, () => Buffer.alloc(1)))).toThrow(
    refused('BAD_BUNDLE'),
  );
});
