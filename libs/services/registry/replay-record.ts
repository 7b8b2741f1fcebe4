import { type BlobStore, BlobStoreError } from '@dockchains/blobs';
import type { Statement, Transaction } from '@dockchains/database';
import {
  type Digest,
  type Manifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
  parseRepositoryName,
  parseTag,
  type RepositoryName,
} from '@dockchains/oci';
import { isManifestRecord, type LedgerRecord, type ManifestRecord } from '@dockchains/records';

import { applyRecord, type PublishingRecord } from './apply-record.ts';
import { leaseReplayed } from './replay-leases.ts';
import { findQueued } from './replay-queue.ts';
import { ensureRepository, type Visibility } from './repositories.ts';
import { storeManifest } from './store-manifest.ts';

/** Applies a record that a recovery found to manifests and tags, in the recovery's transaction. */
export type ReplayRecord = (transaction: Transaction, record: LedgerRecord) => Promise<void>;

type Place = {
  readonly transaction: Transaction;
  readonly repositoryId: number;
  readonly repository: RepositoryName;
};

const LINK: Statement = {
  name: 'registry_replay_link_blob',
  text: `WITH stored AS (INSERT INTO blob (digest, size) VALUES ($2, $3) ON CONFLICT (digest) DO NOTHING)
         INSERT INTO repository_blob (repository_id, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
};
// Records of the public ledger say that the repository was public then; it is private from its withdrawal on.
const SET_VISIBILITY: Statement = {
  name: 'registry_replay_set_visibility',
  text: 'UPDATE repository SET visibility = $2 WHERE id = $1 AND visibility <> $2',
};
/**
 * Opens the replay of the ledger of a visibility, over a blob store. Records come in ledger order; a second replay changes nothing. A manifest whose
 * bytes are not in the store stays absent, and so do tags that name it: the record alone can't bring it back.
 */
export function openReplay(blobs: BlobStore, visibility: Visibility): ReplayRecord {
  return async (transaction, record) => {
    if (record.kind === 'repository-withdrawn') {
      const withdrawn = await ensureRepository(
        transaction,
        parseRepositoryName(record.repository),
        'private',
      );
      await transaction.query(SET_VISIBILITY, [withdrawn, 'private']);
      return;
    }
    if (!isManifestRecord(record)) return; // of no manifest or tag
    const repository = parseRepositoryName(record.repository);
    const repositoryId = await ensureRepository(transaction, repository, visibility);
    if (visibility === 'public') await transaction.query(SET_VISIBILITY, [repositoryId, visibility]);
    await replayManifest(blobs, { transaction, repositoryId, repository }, record);
  };
}

async function replayManifest(blobs: BlobStore, place: Place, record: ManifestRecord): Promise<void> {
  const tag = 'tag' in record ? parseTag(record.tag) : undefined;
  const newer = await findQueued(place.transaction, { ...place, tag, digest: record.digest });
  await applyRecord(
    { ...place, newer, storeManifest: (published) => restoreManifest(blobs, place, published) },
    record,
  );
}

/** Brings back a manifest's row and the links of its blobs from what the store holds; false if it can't. */
async function restoreManifest(
  blobs: BlobStore,
  { transaction, repositoryId }: Place,
  record: PublishingRecord,
): Promise<boolean> {
  const { digest, recordId } = record;
  await leaseReplayed(transaction, repositoryId, [digest]);
  const bytes = await readIfThere(blobs, digest);
  if (bytes === undefined) return false;
  const manifest: Manifest = parseManifest(bytes, record.mediaType);
  await leaseReplayed(transaction, repositoryId, manifest.requiredBlobs);
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
