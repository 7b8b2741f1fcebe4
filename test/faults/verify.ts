import { createPublicKey, type JsonWebKey } from 'node:crypto';

import { getOrganisation } from '@dockchains/client';
import { openDatabase, type Database } from '@dockchains/database';
import { isManifestRecord, parseRecord, verifyReceipt, type LedgerRecord } from '@dockchains/records';
import {
  appendLeaves,
  entriesPath,
  hashLeaf,
  openCheckpoint,
  parseBundle,
  parseVerifierKey,
  TILE_WIDTH,
} from '@dockchains/tlog';
import { expect, vi } from 'vitest';

import { fetchBytes } from './observer.ts';
import type { AcknowledgedPush } from './pusher.ts';

/** What a log holds, as somebody outside reads it. */
export interface WholeLog {
  readonly size: bigint;
  readonly records: ReadonlyMap<string, LedgerRecord>;
  readonly leafHashes: ReadonlyMap<string, string>;
}

/** The organisation's published keys. */
export interface PublishedKeys {
  readonly verifierKey: string;
  readonly receiptKey: JsonWebKey;
}

export async function readKeys(url: string): Promise<PublishedKeys> {
  const { keys } = (await getOrganisation(fetch, url)).descriptor;
  return { verifierKey: keys.logs.public, receiptKey: keys.receipt };
}

/** Reads every entry over HTTP and checks that together they give the root of the published checkpoint. */
export async function readWholeLog(logUrl: string, verifierKey: string): Promise<WholeLog> {
  const note = (await fetchBytes(`${logUrl}/checkpoint`)).toString();
  const { checkpoint } = openCheckpoint(note, parseVerifierKey(verifierKey));
  const entries: Uint8Array[] = [];
  const width = BigInt(TILE_WIDTH);
  for (let index = 0n; index * width < checkpoint.size; index += 1n) {
    const rest = checkpoint.size - index * width;
    const count = rest < width ? Number(rest) : TILE_WIDTH;
    entries.push(
      ...parseBundle(await fetchBytes(`${logUrl}/${entriesPath({ index, width: count })}`), count),
    );
  }
  const { root } = appendLeaves(0n, [], entries.map(hashLeaf));
  expect(Buffer.from(root).equals(checkpoint.root)).toBe(true);
  const records = entries.map((entry) => parseRecord(entry));
  expect(new Set(records.map(({ recordId }) => recordId)).size).toBe(records.length);
  return {
    size: checkpoint.size,
    records: new Map(records.map((record) => [record.recordId, record])),
    leafHashes: new Map(
      entries.map((entry, index) => [
        records[index]?.recordId ?? '',
        Buffer.from(hashLeaf(entry)).toString('hex'),
      ]),
    ),
  };
}

/** Waits until everything queued is published. */
export async function awaitPublished(databaseUrl: string): Promise<void> {
  const database = openDatabase(databaseUrl);
  try {
    await vi.waitFor(
      async () => {
        expect(await countUnpublished(database)).toBe(0n);
      },
      { timeout: 60_000, interval: 50 },
    );
  } finally {
    await database.close();
  }
}

const countUnpublished = async (database: Database): Promise<bigint> => {
  const [row] = await database.query<{ rest: bigint }>({
    name: 'test-unpublished',
    text: `SELECT (SELECT count(*) FROM ledger_queue) + (SELECT sum(l.size - p.size) FROM ledger l
             JOIN published_checkpoint p ON p.ledger_id = l.id)::bigint AS rest`,
  });
  return row?.rest ?? -1n;
};

/**
 * Every acknowledged push is there with its record, no record lacks its push, no tag lacks its record, and each
 * receipt's promise was kept.
 */
export async function verifyPushes(
  url: string,
  databaseUrl: string,
  acknowledged: readonly AcknowledgedPush[],
): Promise<WholeLog> {
  const keys = await readKeys(url);
  const log = await readWholeLog(`${url}/log/public`, keys.verifierKey);
  const receiptKey = createPublicKey({ key: keys.receiptKey, format: 'jwk' });
  await inTurns(acknowledged, async ({ repository, tag, image, recordId, receipt }) => {
    const { digest } = image.descriptor;
    expect(log.records.get(recordId)).toMatchObject({ kind: 'tag-set', repository, tag, digest });
    const promise = await verifyReceipt(receipt, receiptKey);
    expect(promise).toMatchObject({ recordId, repository, digest, leafHash: log.leafHashes.get(recordId) });
    expect((await fetchBytes(`${url}/v2/${repository}/manifests/${tag}`)).equals(image.bytes)).toBe(true);
    for (const blob of image.blobs) {
      const bytes = await fetchBytes(`${url}/v2/${repository}/blobs/${blob.descriptor.digest}`);
      expect(bytes.equals(blob.bytes)).toBe(true);
    }
  });
  const records = [...log.records.values()].filter(isManifestRecord);
  const deleted = new Set(
    records.flatMap(({ kind, digest }) => (kind === 'manifest-deleted' ? [digest] : [])),
  );
  const kept = records.filter(({ digest }) => !deleted.has(digest));
  await inTurns(kept, async ({ repository, digest }) => {
    await fetchBytes(`${url}/v2/${repository}/manifests/${digest}`);
  });
  await verifyRows(databaseUrl, log);
  return log;
}

/** The rows of our own public repositories name records that the log holds; mirrors begin with another organisation's name. */
const verifyRows = async (databaseUrl: string, log: WholeLog): Promise<void> => {
  const database = openDatabase(databaseUrl);
  try {
    const rows = await database.query<{ record_id: string }>({
      name: 'test-record-ids',
      text: `WITH own AS (SELECT id FROM repository WHERE visibility = 'public' AND name !~ '^[^/.]*[.][^/]*/')
             SELECT t.record_id FROM tag t JOIN own r ON r.id = t.repository_id
             UNION SELECT m.record_id FROM manifest m JOIN own r ON r.id = m.repository_id`,
    });
    expect(rows.filter(({ record_id }) => !log.records.has(record_id))).toEqual([]);
  } finally {
    await database.close();
  }
};

const PARALLEL = 16;

/** Works through a list, some at a time. */
export const inTurns = async <Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> => {
  for (let first = 0; first < items.length; first += PARALLEL) {
    await Promise.all(items.slice(first, first + PARALLEL).map(work));
  }
};
