import { type BlobStore, BlobStoreError } from '@dockchains/blobs';
import type { Statement, Transaction } from '@dockchains/database';
import {
  type Digest,
  type Manifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
  parseRepositoryName,
  parseTag,
} from '@dockchains/oci';
import type { LedgerRecord } from '@dockchains/records';

import { ensureRepository } from './repositories.ts';
import { setTag } from './set-tag.ts';
import { storeManifest } from './store-manifest.ts';

/** Applies a record that a recovery found to manifests and tags, in the recovery's transaction. */
export type ReplayRecord = (transaction: Transaction, record: LedgerRecord) => Promise<void>;

const LINK: Statement = {
  name: 'registry_replay_link_blob',
  text: `WITH stored AS (INSERT INTO blob (digest, size) VALUES ($2, $3) ON CONFLICT (digest) DO NOTHING)
         INSERT INTO repository_blob (repository_id, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
};
// What still waits in the queue is newer than any record that already has an index.
const IS_QUEUED: Statement = {
  name: 'registry_replay_is_queued',
  text: `SELECT 1 FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS statement FROM ledger_queue) AS queued
         WHERE statement->'predicate'->>'repository' = $1 AND statement->'predicate'->>'tag' = $2 LIMIT 1`,
};
const DELETE_TAG: Statement = {
  name: 'registry_replay_delete_tag',
  text: 'DELETE FROM tag WHERE repository_id = $1 AND name = $2',
};
const DELETE_MANIFEST_TAGS: Statement = {
  name: 'registry_replay_delete_manifest_tags',
  text: 'DELETE FROM tag WHERE repository_id = $1 AND digest = $2',
};
const DELETE_MANIFEST: Statement = {
  name: 'registry_replay_delete_manifest',
  text: 'DELETE FROM manifest WHERE repository_id = $1 AND digest = $2',
};

/**
 * Opens the replay over a blob store. Records come in ledger order; a second replay changes nothing. A manifest whose
 * bytes are not in the store stays absent, and so do tags that name it: the record alone can't bring it back.
 */
export function openReplay(blobs: BlobStore): ReplayRecord {
  return async (transaction, record) => {
    const repository = parseRepositoryName(record.repository);
    const repositoryId = await ensureRepository(transaction, repository, 'public');
    const place = { transaction, repositoryId };
    switch (record.kind) {
      case 'manifest-published':
        await restoreManifest(blobs, place, record);
        return;
      case 'tag-set': {
        if (await isQueued(transaction, record)) return;
        if (!(await restoreManifest(blobs, place, record))) return;
        const name = parseTag(record.tag);
        const { digest, recordId } = record;
        await setTag(transaction, { repositoryId, name, digest, recordId, at: new Date(record.time) });
        return;
      }
      case 'tag-deleted':
        if (await isQueued(transaction, record)) return;
        await transaction.query(DELETE_TAG, [repositoryId, record.tag]);
        return;
      case 'manifest-deleted':
        await transaction.query(DELETE_MANIFEST_TAGS, [repositoryId, record.digest]);
        await transaction.query(DELETE_MANIFEST, [repositoryId, record.digest]);
        return;
      case 'referrer-attached':
        // The manifest's own row holds its subject.
        return;
    }
  };
}

async function isQueued(transaction: Transaction, { repository, tag }: { repository: string; tag: string }) {
  return (await transaction.query(IS_QUEUED, [repository, tag])).length > 0;
}

/** Brings back a manifest's row and the links of its blobs from what the store holds; false if it can't. */
async function restoreManifest(
  blobs: BlobStore,
  { transaction, repositoryId }: { transaction: Transaction; repositoryId: number },
  record: Extract<LedgerRecord, { kind: 'manifest-published' | 'tag-set' }>,
): Promise<boolean> {
  const { digest, recordId } = record;
  const bytes = await readIfThere(blobs, digest);
  if (bytes === undefined) return false;
  const manifest: Manifest = parseManifest(bytes, record.mediaType);
  for (const required of manifest.requiredBlobs) {
    const found = await blobs.stat(required);
    if (found !== undefined) await transaction.query(LINK, [repositoryId, required, found.size]);
  }
  const publishedAt = new Date(record.time);
  await storeManifest(transaction, {
    repositoryId,
    digest,
    manifest,
    size: bytes.length,
    recordId,
    publishedAt,
  });
  return true;
}

async function readIfThere(blobs: BlobStore, digest: Digest): Promise<Buffer | undefined> {
  try {
    return await blobs.read(digest, MAX_MANIFEST_BYTES);
  } catch (error) {
    if (error instanceof BlobStoreError && error.code === 'BLOB_UNKNOWN') return undefined;
    throw error;
  }
}
