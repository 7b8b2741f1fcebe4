import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  computeTile,
  entriesPath,
  hashLeaf,
  parseTilePath,
  TILE_WIDTH,
  tilePath,
  tileRoot,
  tileWidth,
} from './index.ts';
import { naiveRoot } from './testing/naive-tree.ts';
import { refused } from './testing/refused.ts';

test.each([
  { path: 'tile/0/000', level: 0, index: 0n, width: 256 },
  { path: 'tile/0/000.p/1', level: 0, index: 0n, width: 1 },
  { path: 'tile/0/x001/x234/067', level: 0, index: 1_234_067n, width: 256 },
  { path: 'tile/0/x001/x234/067.p/5', level: 0, index: 1_234_067n, width: 5 },
  { path: 'tile/1/255.p/255', level: 1, index: 255n, width: 255 },
  { path: 'tile/2/999', level: 2, index: 999n, width: 256 },
  { path: 'tile/2/x001/000', level: 2, index: 1000n, width: 256 },
  { path: 'tile/63/x001/000', level: 63, index: 1000n, width: 256 },
  { path: 'tile/0/x009/x223/x372/x036/x854/x775/807', level: 0, index: 2n ** 63n - 1n, width: 256 },
])('writes and reads $path', ({ path, ...tile }) => {
  expect(tilePath(tile)).toBe(path);
  expect(parseTilePath(path)).toEqual({ kind: 'tile', ...tile });
});

test.each([
  { path: 'tile/entries/000', index: 0n, width: 256 },
  { path: 'tile/entries/x001/x234/067.p/5', index: 1_234_067n, width: 5 },
])('writes and reads $path', ({ path, ...bundle }) => {
  expect(entriesPath(bundle)).toBe(path);
  expect(parseTilePath(path)).toEqual({ kind: 'entries', ...bundle });
});

test('reads every path that it writes', () => {
  const ids = fc.record({
    level: fc.integer({ min: 0, max: 63 }),
    index: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    width: fc.integer({ min: 1, max: 256 }),
  });
  fc.assert(
    fc.property(ids, ({ level, index, width }) => {
      expect(parseTilePath(tilePath({ level, index, width }))).toEqual({ kind: 'tile', level, index, width });
      expect(parseTilePath(entriesPath({ index, width }))).toEqual({ kind: 'entries', index, width });
    }),
  );
});

test.each([
  '',
  'tile',
  'tile/0',
  'tile/0/',
  '/tile/0/000',
  'tile/0/000/',
  'tile/00/000',
  'tile/01/000',
  'tile/64/000',
  'tile/-1/000',
  'tile/+1/000',
  'tile/0/0',
  'tile/0/00',
  'tile/0/0000',
  'tile/0/x000/001',
  'tile/0/001/002',
  'tile/0/x001/x002',
  'tile/0/x001x002/003',
  'tile/0/X001/002',
  'tile/0/000.p/0',
  'tile/0/000.p/01',
  'tile/0/000.p/256',
  'tile/0/000.p/999',
  'tile/0/000.p/',
  'tile/0/000.p',
  'tile/0/000.p/1/',
  'tile/0/000.p/1\n',
  'tile/0/٠٠٠',
  'tile/0/x009/x223/x372/x036/x854/x775/808',
  'tile/0/x001/x009/x223/x372/x036/x854/x775/807',
  'tile/data/000',
  'tile/entries/0',
  'tile/entries/000.p/256',
  'tile/entries/x000/000',
  'tile/0/../000',
])('refuses the path %j', (path) => {
  expect(() => parseTilePath(path)).toThrow(refused('BAD_TILE_PATH'));
});

test.each([
  { level: -1, index: 0n, width: 1 },
  { level: 64, index: 0n, width: 1 },
  { level: 0.5, index: 0n, width: 1 },
  { level: 0, index: -1n, width: 1 },
  { level: 0, index: 2n ** 63n, width: 1 },
  { level: 0, index: 0n, width: 0 },
  { level: 0, index: 0n, width: 257 },
  { level: 0, index: 0n, width: 1.5 },
])('refuses to name the tile %o', (tile) => {
  expect(() => tilePath(tile)).toThrow(refused('BAD_TILE'));
});

test.each([
  { size: 0n, level: 0, full: 0n, partial: 0 },
  { size: 1n, level: 0, full: 0n, partial: 1 },
  { size: 255n, level: 0, full: 0n, partial: 255 },
  { size: 255n, level: 1, full: 0n, partial: 0 },
  { size: 256n, level: 0, full: 1n, partial: 0 },
  { size: 256n, level: 1, full: 0n, partial: 1 },
  { size: 65_536n, level: 0, full: 256n, partial: 0 },
  { size: 65_536n, level: 1, full: 1n, partial: 0 },
  { size: 65_536n, level: 2, full: 0n, partial: 1 },
  { size: 70_000n, level: 0, full: 273n, partial: 112 },
  { size: 70_000n, level: 1, full: 1n, partial: 17 },
  { size: 70_000n, level: 2, full: 0n, partial: 1 },
  { size: 70_000n, level: 3, full: 0n, partial: 0 },
  { size: 2n ** 24n, level: 2, full: 1n, partial: 0 },
  { size: 2n ** 24n, level: 3, full: 0n, partial: 1 },
])(
  'L6: a tree of $size leaves has $full full tiles and a width of $partial behind them at level $level',
  (row) => {
    const { size, level, full, partial } = row;
    if (full > 0n) expect(tileWidth(level, full - 1n, size)).toBe(TILE_WIDTH);
    expect(tileWidth(level, full, size)).toBe(partial);
    expect(tileWidth(level, full + 1n, size)).toBe(0);
  },
);

const hashes = Array.from({ length: 256 }, (_, i) => hashLeaf(Buffer.from(String(i))));

test('a full tile is its hashes in a row, and its root the root of their tree', () => {
  const tile = computeTile(hashes);
  expect(tile).toHaveLength(8192);
  expect(tile.subarray(32, 64)).toEqual(hashes[1]);
  expect(tileRoot(tile)).toEqual(naiveRoot(hashes));
});

test('L6: does not hash a partial tile upward', () => {
  expect(() => tileRoot(computeTile(hashes.slice(1)))).toThrow(refused('BAD_TILE'));
  expect(() => tileRoot(Buffer.alloc(8193))).toThrow(refused('BAD_TILE'));
});

test('L6: refuses an empty tile, one of 257 hashes and one of short hashes', () => {
  expect(() => computeTile([])).toThrow(refused('BAD_TILE'));
  expect(() => computeTile([...hashes, Buffer.alloc(32)])).toThrow(refused('BAD_TILE'));
  expect(() => computeTile([Buffer.alloc(20)])).toThrow(refused('BAD_HASH'));
});
