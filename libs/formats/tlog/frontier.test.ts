import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  appendLeaves,
  EMPTY_ROOT,
  encodeFrontier,
  type Frontier,
  frontierRoot,
  hashLeaf,
  parseFrontier,
} from './index.ts';
import { naiveRoot } from './testing/naive-tree.ts';
import { refused } from './testing/refused.ts';

const leafHashes = (count: number, first = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => hashLeaf(Buffer.from(String(first + i))));

test('gives the root of any tree, however it was appended', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 5 }), (batches) => {
      let tree: { size: bigint; frontier: Frontier } = { size: 0n, frontier: [] };
      for (const count of batches) {
        tree = appendLeaves(tree.size, tree.frontier, leafHashes(count, Number(tree.size)));
        expect(frontierRoot(tree.frontier)).toEqual(naiveRoot(leafHashes(Number(tree.size))));
      }
    }),
    { numRuns: 40 },
  );
});

test('lists every node of the tiles above the leaves, once, whichever batch completes it', () => {
  const leaves = leafHashes(1300);
  const [first, second] = [leaves.slice(0, 700), leaves.slice(700)];
  const head = appendLeaves(0n, [], first);
  const nodes = [...head.nodes, ...appendLeaves(head.size, head.frontier, second).nodes];
  expect(nodes).toEqual(
    Array.from({ length: 5 }, (_, i) => ({
      level: 1,
      index: BigInt(i),
      hash: naiveRoot(leaves.slice(256 * i, 256 * (i + 1))),
    })),
  );
});

// Roots from golang.org/x/mod v0.42.0, sumdb/tlog, over the decimals from 0.
test.each([
  { size: 1, root: '2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=' },
  { size: 255, root: 'Mvhbyqh9e80Fco8J6a66NQumovczgwCH8Fl2goSL5cs=' },
  { size: 256, root: 'goUV0DPBnYyQHzfsy4rtkZZncDSG+NL/8c9wQDIcXbE=' },
  { size: 257, root: 'HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ=' },
  { size: 65_535, root: 'dPE6Dhp1aJNy77mQz2jGZORMdj2TBIRJVbLq/2JOjfE=' },
  { size: 65_536, root: '8CXQbtgEhZ/SdKG9rK3W5I6odjSqkeHtsgFD+UmM0Cs=' },
  { size: 65_537, root: '3IeVol/UvVKguE9jn9MTm6FggkAj0YjkKOtdsPPOIho=' },
  { size: 70_000, root: 'Gkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34=' },
])('agrees with another implementation on $size entries', ({ size, root }) => {
  const tree = appendLeaves(0n, [], leafHashes(size));
  expect(Buffer.from(tree.root).toString('base64')).toBe(root);
  expect(tree.size).toBe(BigInt(size));
  expect(tree.nodes.filter(({ level }) => level === 1)).toHaveLength(Math.floor(size / 256));
  expect(tree.nodes.filter(({ level }) => level === 2)).toHaveLength(Math.floor(size / 65_536));
});

test('appends to a tree of 2^40 - 1 leaves, completing one node of each tile level', () => {
  const size = 2n ** 40n - 1n;
  const frontier = Array.from({ length: 40 }, (_, i) => Buffer.alloc(32, i));
  const { nodes, ...tree } = appendLeaves(size, frontier, leafHashes(1));
  expect(nodes.map(({ level, index }) => ({ level, index }))).toEqual([
    { level: 1, index: 2n ** 32n - 1n },
    { level: 2, index: 2n ** 24n - 1n },
    { level: 3, index: 2n ** 16n - 1n },
    { level: 4, index: 2n ** 8n - 1n },
    { level: 5, index: 0n },
  ]);
  expect(tree.frontier).toHaveLength(1);
  expect(tree.root).toEqual(nodes.at(-1)?.hash);
});

test('gives the empty root for the empty tree, and appends nothing', () => {
  expect(frontierRoot([])).toEqual(EMPTY_ROOT);
  expect(appendLeaves(0n, [], [])).toEqual({ size: 0n, frontier: [], root: EMPTY_ROOT, nodes: [] });
});

test('reads the frontier that it wrote', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 600 }), (size) => {
      const { frontier } = appendLeaves(0n, [], leafHashes(size));
      const read = parseFrontier(encodeFrontier(frontier), BigInt(size));
      expect(read.map((hash) => Buffer.from(hash))).toEqual(frontier);
    }),
    { numRuns: 30 },
  );
});

test.each([
  { name: 'a hash too few', bytes: 32, size: 3n, code: 'BAD_FRONTIER' },
  { name: 'a hash too many', bytes: 64, size: 4n, code: 'BAD_FRONTIER' },
  { name: 'a cut hash', bytes: 63, size: 3n, code: 'BAD_FRONTIER' },
  { name: 'hashes of an empty tree', bytes: 32, size: 0n, code: 'BAD_FRONTIER' },
  { name: 'a negative size', bytes: 0, size: -1n, code: 'BAD_SIZE' },
] as const)('refuses a frontier with $name', ({ bytes, size, code }) => {
  expect(() => parseFrontier(Buffer.alloc(bytes), size)).toThrow(refused(code));
});

test('refuses to append to a frontier of another size, and to append what is no hash', () => {
  const { frontier } = appendLeaves(0n, [], leafHashes(6));
  expect(() => appendLeaves(7n, frontier, leafHashes(1))).toThrow(refused('BAD_FRONTIER'));
  expect(() => appendLeaves(-1n, [], leafHashes(1))).toThrow(refused('BAD_SIZE'));
  expect(() => appendLeaves(6n, frontier, [Buffer.alloc(31)])).toThrow(refused('BAD_HASH'));
  expect(() => appendLeaves(1n, [Buffer.alloc(33)], leafHashes(1))).toThrow(refused('BAD_HASH'));
});
