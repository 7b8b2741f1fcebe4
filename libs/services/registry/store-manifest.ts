import type { Statement, Transaction } from '@dockchains/database';
import { type Digest, type Manifest, OciError } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

/** A manifest's row; `recordId` and `publishedAt` count only if the repository does not have it yet. */
export interface NewManifest {
  readonly repositoryId: number;
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** Bytes of the manifest itself. */
  readonly size: number;
  readonly recordId: RecordId;
  readonly publishedAt: Date;
}

const INSERT: Statement = {
  name: 'registry_insert_manifest',
  text: `WITH stored AS (INSERT INTO blob (digest, size) VALUES ($2, $4) ON CONFLICT (digest) DO NOTHING)
         INSERT INTO manifest (repository_id, digest, media_type, size, subject, artifact_type, annotations,
                               record_id, published_at)
         VALUES ($1, $2, $3, $4::int, $5, $6, $7, $8, $9)
         ON CONFLICT (repository_id, digest) DO NOTHING RETURNING digest`,
};
const LOCK: Statement = {
  name: 'registry_lock_manifest',
  text: `SELECT record_id AS "recordId" FROM manifest WHERE repository_id = $1 AND digest = $2 FOR KEY SHARE`,
};

/**
 * Stores a manifest's row unless the repository has it, and keeps it there until the transaction ends.
 * @throws OciError MANIFEST_UNKNOWN if another transaction deletes it at this very moment
 */
export async function storeManifest(
  transaction: Transaction,
  row: NewManifest,
): Promise<{ isNew: boolean; recordId: RecordId }> {
  const { repositoryId, digest, manifest, size, recordId, publishedAt } = row;
  const { mediaType, subject, artifactType, annotations } = manifest;
  const inserted = await transaction.query(INSERT, [
    ...[repositoryId, digest, mediaType, size],
    ...[subject?.digest ?? null, artifactType ?? null],
    annotations === undefined ? null : JSON.stringify(annotations),
    ...[recordId, publishedAt],
  ]);
  if (inserted.length > 0) return { isNew: true, recordId };
  const [existing] = await transaction.query<{ recordId: RecordId }>(LOCK, [repositoryId, digest]);
  if (existing !== undefined) return { isNew: false, recordId: existing.recordId };
  throw new OciError('MANIFEST_UNKNOWN', 'The manifest was deleted while it was pushed: push it again.', {
    status: 409,
  });
}
