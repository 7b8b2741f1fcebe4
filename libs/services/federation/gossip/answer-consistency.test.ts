import { buildLog } from '@dockchains/testing';
import { rootFromTiles, tilePath, type TileReader, tileWidth, verifyConsistency } from '@dockchains/tlog';
import { beforeAll, describe, expect, test } from 'vitest';

import { answerConsistency, type NamedHead, parseNamedHead } from './answer-consistency.ts';

const SIZE = 700n;

let ledger: { readTile: (tile: Parameters<TileReader>[0]) => Promise<Uint8Array | undefined> };

beforeAll(async () => {
  const { files } = await buildLog({ size: Number(SIZE) });
  ledger = {
    readTile: ({ level, index, width }) => {
      const there = tileWidth(level, index, SIZE);
      if (there < width) return Promise.resolve(undefined);
      const path = tilePath({ level, index, width: there });
      return Promise.resolve(files.get(path)?.subarray(0, width * 32));
    },
  };
});

const headAt = async (size: bigint): Promise<NamedHead> => {
  const tiles: TileReader = async (tile) => (await ledger.readTile(tile)) ?? new Uint8Array();
  return { size, root: await rootFromTiles(size, tiles) };
};

describe('a ledger that is asked whether a head extends another', () => {
  test.each([
    [1n, 2n],
    [5n, 256n],
    [255n, 600n],
    [512n, 700n],
  ])('proves that %s entries and %s are of one history', async (from, to) => {
    const [older, newer] = [await headAt(from), await headAt(to)];
    const proof = await answerConsistency(ledger, older, newer);
    if (typeof proof === 'string') throw new Error(proof);
    verifyConsistency({
      ...{ oldSize: from, newSize: to, oldRoot: older.root, newRoot: newer.root },
      proof: [...proof],
    });
  });

  test('tells nothing to who does not know both roots', async () => {
    const [older, newer] = [await headAt(5n), await headAt(600n)];
    const wrong = new Uint8Array(32);
    expect(await answerConsistency(ledger, { ...older, root: wrong }, newer)).toBe('unknown');
    expect(await answerConsistency(ledger, older, { ...newer, root: wrong })).toBe('unknown');
    expect(await answerConsistency(ledger, { ...older, size: 6n }, newer)).toBe('unknown');
    expect(await answerConsistency(ledger, newer, older)).toBe('unknown');
    expect(await answerConsistency(ledger, newer, newer)).toBe('unknown');
  });

  test('says apart that it does not reach so far yet: that is no refusal', async () => {
    const newer = { size: 5_000n, root: new Uint8Array(32) };
    expect(await answerConsistency(ledger, await headAt(5n), newer)).toBe('beyond');
  });

  test.each([
    '',
    '5',
    `0-${'00'.repeat(32)}`,
    `05-${'00'.repeat(32)}`,
    `5-${'00'.repeat(31)}`,
    `5-${'AA'.repeat(32)}`,
    `-5-${'00'.repeat(32)}`,
    `99999999999999999999-${'00'.repeat(32)}`,
    `5-${'00'.repeat(32)}\n`,
  ])('knows no head by the name %j', (name) => {
    expect(parseNamedHead(name)).toBeUndefined();
  });
});
