import { expect, test } from 'vitest';

import {
  appendToTree,
  computeTile,
  EMPTY_TREE,
  encodeFrontier,
  encodeTails,
  hashLeaf,
  parseTiledTree,
  partialTiles,
  tileRoot,
} from './index.ts';
import { refused } from './testing/refused.ts';

const leaves = Array.from({ length: 70_000 }, (_, index) => hashLeaf(Buffer.from(`${index}`)));

test('gives each tile once, when it is full, and the rest as partial ones (C2SP tlog-tiles, the example of 70,000 entries)', () => {
  const { tree, filled } = appendToTree(EMPTY_TREE, leaves);
  expect(filled.map(({ id }) => id)).toEqual([{ level: 1, index: 0n, width: 256 }]);
  expect(partialTiles(tree).map(({ id }) => id)).toEqual([
    { level: 1, index: 1n, width: 17 },
    { level: 2, index: 0n, width: 1 },
  ]);
  const first = tileRoot(computeTile(leaves.slice(0, 256)));
  expect(filled[0]?.bytes.subarray(0, 32)).toEqual(Buffer.from(first));
});

test.each([0, 1, 255, 256, 257, 65_536, 69_999])(
  'reads the tree of %d leaves back as it was written',
  (size) => {
    const { tree } = appendToTree(EMPTY_TREE, leaves.slice(0, size));
    const read = parseTiledTree(BigInt(size), encodeFrontier(tree.frontier), encodeTails(tree));
    const rest = leaves.slice(size);
    expect(appendToTree(read, rest).tree.frontier).toEqual(appendToTree(tree, rest).tree.frontier);
    expect(encodeTails(appendToTree(read, rest).tree)).toEqual(encodeTails(appendToTree(tree, rest).tree));
  },
);

test('refuses unfinished tiles of another size', () => {
  const { tree } = appendToTree(EMPTY_TREE, leaves.slice(0, 600));
  const frontier = encodeFrontier(tree.frontier);
  expect(() => parseTiledTree(600n, frontier, encodeTails(tree).subarray(32))).toThrow(refused('BAD_TILE'));
  expect(() => parseTiledTree(601n, frontier, encodeTails(tree))).toThrow(refused('BAD_FRONTIER'));
});
