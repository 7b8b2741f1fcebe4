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
                               record_id, published_at, has_references)
         VALUES ($1, $2, $3, $4::int, $5, $6, $7, $8, $9, true)
         ON CONFLICT (repository_id, digest) DO NOTHING RETURNING digest`,
};
const REFER: Statement = {
  name: 'registry_insert_references',
  text: `INSERT INTO manifest_reference (repository_id, manifest_digest, digest)
         SELECT $1, $2, digest FROM unnest($3::text[]) AS n (digest) ON CONFLICT DO NOTHING`,
};

/** Stores a manifest's row, and those of what it needs, unless the repository has it. */
export async function storeManifest(transaction: Transaction, row: NewManifest): Promise<void> {
  const { repositoryId, digest, manifest, size, recordId, publishedAt } = row;
  const { mediaType, subject, artifactType, annotations, requiredBlobs, requiredManifests } = manifest;
  const inserted = await transaction.query(INSERT, [
    ...[repositoryId, digest, mediaType, size],
    ...[subject?.digest ?? null, artifactType ?? null],
    annotations === undefined ? null : JSON.stringify(annotations),
    ...[recordId, publishedAt],
  ]);
  if (inserted.length === 0) return;
  await transaction.query(REFER, [repositoryId, digest, [...requiredBlobs, ...requiredManifests]]);
}
