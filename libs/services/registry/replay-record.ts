import { type BlobStore, BlobStoreError } from '@dockchains/blobs';
import type { Statement, Transaction } from '@dockchains/database';
import {
  type Digest,
  digestAlgorithm,
  digestHex,
  type Manifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
  parseRepositoryName,
  parseTag,
} from '@dockchains/oci';
import { isManifestRecord, type LedgerRecord, type ManifestRecord, predicateType } from '@dockchains/records';

import { ensureRepository } from './repositories.ts';
import { setTag } from './set-tag.ts';
import { storeManifest } from './store-manifest.ts';

/** Applies a record that a recovery found to manifests and tags, in the recovery's transaction. */
export type ReplayRecord = (transaction: Transaction, record: LedgerRecord) => Promise<void>;

type Place = { readonly transaction: Transaction; readonly repositoryId: number };

const LINK: Statement = {
  name: 'registry_replay_link_blob',
  text: `WITH stored AS (INSERT INTO blob (digest, size) VALUES ($2, $3) ON CONFLICT (digest) DO NOTHING)
         INSERT INTO repository_blob (repository_id, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
};
// What still waits in the queue is newer than any record that already has an index, and its effect is in the tables.
const FIND_QUEUED: Statement = {
  name: 'registry_replay_find_queued',
  text: `SELECT COALESCE(bool_or(statement->'predicate'->>'tag' = $2), false) AS tag,
           COALESCE(bool_or(statement->>'predicateType' = ANY($3) AND statement->'subject'->0->'digest' = $4::jsonb), false)
             AS manifest
         FROM (SELECT convert_from(entry, 'UTF8')::jsonb AS statement FROM ledger_queue) AS queued
         WHERE statement->'predicate'->>'repository' = $1`,
};
const FIND_MANIFEST: Statement = {
  name: 'registry_replay_find_manifest',
  text: 'SELECT FROM manifest WHERE repository_id = $1 AND digest = $2',
};
const MANIFEST_TYPES = [predicateType('manifest-published'), predicateType('manifest-deleted')];
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
    if (!isManifestRecord(record)) return; // of no manifest or tag
    const repository = parseRepositoryName(record.repository);
    const repositoryId = await ensureRepository(transaction, repository, 'public');
    const place = { transaction, repositoryId };
    const queued = await findQueued(transaction, record);
    switch (record.kind) {
      case 'manifest-published':
        if (queued.manifest) return;
        await restoreManifest(blobs, place, record);
        return;
      case 'tag-set': {
        if (queued.tag) return;
        const isThere = queued.manifest
          ? await hasManifest(place, record.digest)
          : await restoreManifest(blobs, place, record);
        if (!isThere) return;
        const name = parseTag(record.tag);
        const { digest, recordId } = record;
        await setTag(transaction, { repositoryId, name, digest, recordId, at: new Date(record.time) });
        return;
      }
      case 'tag-deleted':
        if (queued.tag) return;
        await transaction.query(DELETE_TAG, [repositoryId, record.tag]);
        return;
      case 'manifest-deleted':
        if (queued.manifest) return;
        await transaction.query(DELETE_MANIFEST_TAGS, [repositoryId, record.digest]);
        await transaction.query(DELETE_MANIFEST, [repositoryId, record.digest]);
        return;
      case 'referrer-attached':
        // The manifest's own row holds its subject.
        return;
    }
  };
}

/** Whether a move of the record's tag, and a publication or deletion of its manifest, still wait in the queue. */
async function findQueued(
  transaction: Transaction,
  record: ManifestRecord,
): Promise<{ tag: boolean; manifest: boolean }> {
  const { repository, digest } = record;
  const [queued] = await transaction.query<{ tag: boolean; manifest: boolean }>(FIND_QUEUED, [
    repository,
    'tag' in record ? record.tag : null,
    MANIFEST_TYPES,
    JSON.stringify({ [digestAlgorithm(digest)]: digestHex(digest) }),
  ]);
  return queued ?? { tag: false, manifest: false };
}

async function hasManifest({ transaction, repositoryId }: Place, digest: Digest): Promise<boolean> {
  return (await transaction.query(FIND_MANIFEST, [repositoryId, digest])).length > 0;
}

/** Brings back a manifest's row and the links of its blobs from what the store holds; false if it can't. */
async function restoreManifest(
  blobs: BlobStore,
  { transaction, repositoryId }: Place,
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
