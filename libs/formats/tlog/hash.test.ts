import { expect, test } from 'vitest';

import { EMPTY_ROOT, hashLeaf, hashNode, MAX_ENTRY_BYTES } from './index.ts';
import { refused } from './testing/refused.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('hashes as the known answers of RFC 6962 trees say', () => {
  expect(hex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(hex(hashLeaf(new Uint8Array()))).toBe(
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  );
  expect(hex(hashLeaf(Buffer.from('L123456')))).toBe(
    '395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56',
  );
  expect(hex(hashNode(hashLeaf(Uint8Array.of()), hashLeaf(Uint8Array.of(0))))).toBe(
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  );
});

test('does not confuse an entry with a node', () => {
  const [left, right] = [hashLeaf(Buffer.from('a')), hashLeaf(Buffer.from('b'))];
  expect(hashLeaf(Buffer.concat([left, right]))).not.toEqual(hashNode(left, right));
});

test('L6: hashes entries of 0 and 65,535 bytes and refuses 65,536', () => {
  expect(hashLeaf(Buffer.alloc(0))).toHaveLength(32);
  expect(hashLeaf(Buffer.alloc(MAX_ENTRY_BYTES))).toHaveLength(32);
  expect(() => hashLeaf(Buffer.alloc(MAX_ENTRY_BYTES + 1))).toThrow(refused('ENTRY_TOO_LARGE'));
});

test.each([0, 31, 33])('refuses a child of %i bytes', (length) => {
  expect(() => hashNode(Buffer.alloc(length), Buffer.alloc(32))).toThrow(refused('BAD_HASH'));
  expect(() => hashNode(Buffer.alloc(32), Buffer.alloc(length))).toThrow(refused('BAD_HASH'));
});

test('gives hashes that later calls leave alone', () => {
  const first = hashNode(Buffer.alloc(32, 1), Buffer.alloc(32, 2));
  const copy = Buffer.from(first);
  hashNode(Buffer.alloc(32, 3), Buffer.alloc(32, 4));
  expect(Buffer.compare(first, copy)).toBe(0);
});
