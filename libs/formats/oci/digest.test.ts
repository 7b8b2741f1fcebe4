import fc from 'fast-check';
import { expect, test } from 'vitest';

import { digestAlgorithm, digestHex, digestOf, isDigest, isDigestAlgorithm, parseDigest } from './digest.ts';
import { OciError } from './errors.ts';

const HEX = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('computes the published digests of nothing and of "abc"', () => {
  // FIPS 180-4 examples, as NIST publishes them.
  expect(digestOf(new Uint8Array())).toBe(`sha256:${HEX}`);
  expect(digestOf(Buffer.from('abc'))).toBe(
    'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  expect(digestOf(Buffer.from('abc'), 'sha512')).toBe(
    'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  );
});

test.each(['sha256', 'sha512'] as const)('takes a %s digest apart', (algorithm) => {
  const digest = digestOf(Buffer.from('x'), algorithm);
  expect(parseDigest(digest)).toBe(digest);
  expect(digestAlgorithm(digest)).toBe(algorithm);
  expect(`${algorithm}:${digestHex(digest)}`).toBe(digest);
});

test.each([
  { name: 'nothing', text: '' },
  { name: 'no algorithm', text: HEX },
  { name: 'a short hash', text: `sha256:${HEX.slice(1)}` },
  { name: 'a long hash', text: `sha256:${HEX}0` },
  { name: 'a sha256 hash called sha512', text: `sha512:${HEX}` },
  { name: 'uppercase digits', text: `sha256:${HEX.toUpperCase()}` },
  { name: 'an uppercase algorithm', text: `SHA256:${HEX}` },
  { name: 'an unknown algorithm', text: `blake3:${HEX}` },
  { name: 'a broken algorithm', text: 'md5:d41d8cd98f00b204e9800998ecf8427e' },
  { name: 'no hexadecimal digits', text: 'sha256:baddigeststring' },
  { name: 'a line break behind', text: `sha256:${HEX}\n` },
  { name: 'a path', text: `sha256:../../${HEX.slice(6)}` },
])('refuses $name', ({ text }) => {
  expect(isDigest(text)).toBe(false);
  expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID', status: 400 }));
});

test('knows the registered algorithms', () => {
  expect(['sha256', 'sha512', 'sha384', 'toString', ''].map(isDigestAlgorithm)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('throws nothing but OciError, whatever it reads', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^sha(256|512):[0-9a-f]*$/)), (text) => {
      try {
        expect(parseDigest(text)).toBe(text);
      } catch (error) {
        expect(error).toBeInstanceOf(OciError);
      }
    }),
  );
});
