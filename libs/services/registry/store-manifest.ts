import type { Statement, Transaction } from '@dockchains/database';
import type { Digest, Manifest } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

/** A manifest's row, as a record tells it. */
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
                               record_id, published_at, has_references, needs)
         VALUES ($1, $2, $3, $4::int, $5, $6, $7, $8, $9, true, $10::text[])
         ON CONFLICT (repository_id, digest) DO NOTHING`,
};

/** Stores a manifest's row, with what it needs, unless the repository has it. */
export async function storeManifest(transaction: Transaction, row: NewManifest): Promise<void> {
  const { repositoryId, digest, manifest, size, recordId, publishedAt } = row;
  const { mediaType, subject, artifactType, annotations, requiredBlobs, requiredManifests } = manifest;
  await transaction.query(INSERT, [
    ...[repositoryId, digest, mediaType, size],
    ...[subject?.digest ?? null, artifactType ?? null],
    annotations === undefined ? null : JSON.stringify(annotations),
    ...[recordId, publishedAt, [...new Set([...requiredBlobs, ...requiredManifests])]],
  ]);
}
