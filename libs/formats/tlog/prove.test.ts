import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  appendLeaves,
  EMPTY_ROOT,
  hashLeaf,
  proveConsistency,
  proveInclusion,
  rootFromTiles,
  type TileReader,
  verifyConsistency,
  verifyInclusion,
} from './index.ts';
import { naivePath, naiveProof, naiveRoot, naiveTiles } from './testing/naive-tree.ts';
import { refused } from './testing/refused.ts';

const leaves = Array.from({ length: 1100 }, (_, i) => hashLeaf(Buffer.from(String(i))));

/** Two numbers, the first below the second: an index and a size. */
const indexAndSize = fc
  .integer({ min: 1, max: leaves.length })
  .chain((size) => fc.tuple(fc.integer({ min: 0, max: size - 1 }), fc.constant(size)));

test('proves every leaf of every tree of up to 20 leaves, as the definition says', async () => {
  for (let size = 1; size <= 20; size += 1) {
    const tree = leaves.slice(0, size);
    const root = naiveRoot(tree);
    const { readTile } = naiveTiles(tree);
    expect(await rootFromTiles(BigInt(size), readTile)).toEqual(root);
    for (const [index, leafHash] of tree.entries()) {
      const proof = await proveInclusion(BigInt(index), BigInt(size), readTile);
      expect(proof).toEqual(naivePath(index, tree));
      verifyInclusion({ index: BigInt(index), size: BigInt(size), leafHash, proof, root });
    }
  }
});

test('proves every pair of trees of up to 20 leaves, as the definition says', async () => {
  for (let newSize = 1; newSize <= 20; newSize += 1) {
    const tree = leaves.slice(0, newSize);
    const newRoot = naiveRoot(tree);
    for (let oldSize = 1; oldSize <= newSize; oldSize += 1) {
      const sizes = { oldSize: BigInt(oldSize), newSize: BigInt(newSize) };
      const proof = await proveConsistency(sizes.oldSize, sizes.newSize, naiveTiles(tree).readTile);
      expect(proof).toEqual(naiveProof(oldSize, tree));
      verifyConsistency({ ...sizes, oldRoot: naiveRoot(leaves.slice(0, oldSize)), newRoot, proof });
    }
  }
});

test('proves leaves of trees of many tiles, reading each tile once and at its width', async () => {
  await fc.assert(
    fc.asyncProperty(indexAndSize, async ([index, size]) => {
      const tree = leaves.slice(0, size);
      const { readTile, read } = naiveTiles(tree);
      const proof = await proveInclusion(BigInt(index), BigInt(size), readTile);
      expect(proof).toEqual(naivePath(index, tree));
      expect(new Set(read.map(({ level, index: n }) => `${level}/${n.toString()}`)).size).toBe(read.length);
      for (const tile of read) {
        const width = Math.floor(size / 256 ** tile.level) - Number(tile.index) * 256;
        expect(tile.width).toBe(Math.min(256, width));
      }
    }),
    { numRuns: 60 },
  );
});

test('proves consistency of trees of many tiles', async () => {
  await fc.assert(
    fc.asyncProperty(indexAndSize, async ([before, newSize]) => {
      const tree = leaves.slice(0, newSize);
      const oldSize = before + 1;
      const { readTile, read } = naiveTiles(tree);
      const proof = await proveConsistency(BigInt(oldSize), BigInt(newSize), readTile);
      expect(proof).toEqual(naiveProof(oldSize, tree));
      expect(new Set(read.map(({ level, index }) => `${level}/${index.toString()}`)).size).toBe(read.length);
    }),
    { numRuns: 60 },
  );
});

test('computes roots from the right edge alone', async () => {
  await fc.assert(
    fc.asyncProperty(indexAndSize, async ([size]) => {
      const tree = leaves.slice(0, size);
      expect(await rootFromTiles(BigInt(size), naiveTiles(tree).readTile)).toEqual(naiveRoot(tree));
    }),
    { numRuns: 40 },
  );
});

test('proves in a tree of 2^40 + 300 leaves from a handful of tiles', async () => {
  const size = 2n ** 40n + 300n;
  const read: string[] = [];
  const readTile: TileReader = ({ level, index, width }) => {
    read.push(`${level}/${index.toString()}`);
    return Promise.resolve(Buffer.alloc(width * 32, level));
  };
  expect(await proveInclusion(12_345n, size, readTile)).toHaveLength(41);
  expect(read.length).toBeLessThanOrEqual(8);
});

test('asks for all tiles before the first one is there', async () => {
  const tree = leaves.slice(0, 1000);
  const naive = naiveTiles(tree);
  const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
  const proving = proveInclusion(3n, 1000n, async (tile) => {
    const bytes = await naive.readTile(tile);
    await gate;
    return bytes;
  });
  await Promise.resolve();
  expect(naive.read.map(({ level, index }) => `${level}/${index.toString()}`).sort()).toEqual([
    '0/0',
    '0/3',
    '1/0',
  ]);
  open(undefined);
  expect(await proving).toEqual(naivePath(3, tree));
});

test('the root of the empty tree needs no tile', async () => {
  expect(await rootFromTiles(0n, () => Promise.reject(new Error('no tile')))).toEqual(EMPTY_ROOT);
});

test('refuses a tile of another length, and passes on why one could not be read', async () => {
  const { readTile } = naiveTiles(leaves.slice(0, 300));
  const short: TileReader = async (tile) => (await readTile(tile)).subarray(32);
  const empty: TileReader = () => Promise.resolve(new Uint8Array());
  await expect(proveInclusion(1n, 300n, short)).rejects.toThrow(refused('BAD_TILE'));
  await expect(proveConsistency(1n, 300n, empty)).rejects.toThrow(refused('BAD_TILE'));
  await expect(rootFromTiles(300n, () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
});

test('a flipped bit in a tile gives a proof that does not verify', async () => {
  const tree = leaves.slice(0, 600);
  const { readTile } = naiveTiles(tree);
  const root = naiveRoot(tree);
  const flipped: TileReader = async (tile) => {
    const bytes = Buffer.from(await readTile(tile));
    if (tile.level === 0 && tile.index === 0n) bytes.writeUInt8(bytes.readUInt8(40) ^ 4, 40);
    return bytes;
  };
  const proof = await proveInclusion(0n, 600n, flipped);
  const claim = { index: 0n, size: 600n, leafHash: hashLeaf(Buffer.from('0')), proof, root };
  expect(() => {
    verifyInclusion(claim);
  }).toThrow(refused('BAD_ROOT'));
});

test.each([
  { index: 5n, size: 5n },
  { index: -1n, size: 5n },
  { index: 0n, size: 0n },
])('refuses to prove leaf $index of $size', async ({ index, size }) => {
  const { readTile } = naiveTiles(leaves.slice(0, 5));
  await expect(proveInclusion(index, size, readTile)).rejects.toThrow(refused('BAD_INDEX'));
});

test.each([
  { oldSize: 0n, newSize: 5n },
  { oldSize: -1n, newSize: 5n },
  { oldSize: 6n, newSize: 5n },
])('refuses to prove from $oldSize to $newSize leaves', async ({ oldSize, newSize }) => {
  const { readTile } = naiveTiles(leaves.slice(0, 5));
  await expect(proveConsistency(oldSize, newSize, readTile)).rejects.toThrow(refused('BAD_SIZE'));
});

test('refuses a negative size', async () => {
  await expect(rootFromTiles(-1n, naiveTiles([]).readTile)).rejects.toThrow(refused('BAD_SIZE'));
});

test('proves from the nodes that appending lists', async () => {
  const { nodes, root } = appendLeaves(0n, [], leaves);
  const stored = new Map(nodes.map(({ level, index, hash }) => [`${level}/${index.toString()}`, hash]));
  leaves.forEach((hash, i) => stored.set(`0/${i}`, hash));
  const readTile: TileReader = ({ level, index, width }) =>
    Promise.resolve(
      Buffer.concat(
        Array.from(
          { length: width },
          (_, i) => stored.get(`${level}/${(index * 256n + BigInt(i)).toString()}`) ?? new Uint8Array(),
        ),
      ),
    );
  expect(await rootFromTiles(BigInt(leaves.length), readTile)).toEqual(root);
});
