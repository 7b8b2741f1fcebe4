import type { Database } from '@dockchains/database';
import { openCheckpoint, parseVerifierKey, rootFromTiles } from '@dockchains/tlog';
import { expect } from 'vitest';

import type { Ledger } from '../ledger.ts';
import { tagSet } from './fixture.ts';

const REPOSITORY = { name: 'public/app' };

/** Appends so many records in one transaction, and gives their ids. */
export async function appendTags(database: Database, ledger: Ledger, count: number): Promise<string[]> {
  const records = Array.from({ length: count }, (_, index) => tagSet(`t${index}`));
  const prepared = await ledger.prepare(REPOSITORY, records);
  await database.transaction((transaction) => ledger.append(transaction, prepared));
  ledger.wake();
  return records.map(({ recordId }) => recordId);
}

/** Waits until a head of this size is published. */
export async function published(ledger: Ledger, size: bigint): Promise<void> {
  await expect.poll(() => ledger.publishedSize(), { interval: 10 }).toBe(size);
}

/** Re-derives the published root from served tiles, as a stranger would; gives the size. */
export async function checkTree(ledger: Ledger): Promise<bigint> {
  const { checkpoint } = openCheckpoint(
    await ledger.publishedCheckpoint(),
    parseVerifierKey(ledger.verifierKey),
  );
  if (checkpoint.size === 0n) return 0n;
  const root = await rootFromTiles(checkpoint.size, async (tile) => {
    const bytes = await ledger.readTile(tile);
    if (bytes === undefined) throw new Error('tile missing');
    return bytes;
  });
  expect(Buffer.from(root)).toEqual(Buffer.from(checkpoint.root));
  return checkpoint.size;
}
