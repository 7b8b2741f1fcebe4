import type { Statement, Transaction } from '@dockchains/database';
import { type Digest, type Manifest, OciError } from '@dockchains/oci';

// Locked in digest order until the manifest is committed, so that a deletion can't take them in between.
const LOCK_BLOBS: Statement = {
  name: 'registry_lock_blobs',
  text: `SELECT digest FROM repository_blob WHERE repository_id = $1 AND digest = ANY($2)
         ORDER BY digest FOR KEY SHARE`,
};
const LOCK_MANIFESTS: Statement = {
  name: 'registry_lock_manifests',
  text: `SELECT digest FROM manifest WHERE repository_id = $1 AND digest = ANY($2)
         ORDER BY digest FOR KEY SHARE`,
};

/**
 * Checks that the repository has all that a manifest needs, and keeps it there until the transaction ends.
 * @throws OciError MANIFEST_BLOB_UNKNOWN
 */
export async function requireContent(
  transaction: Transaction,
  repositoryId: number,
  { requiredBlobs, requiredManifests }: Manifest,
): Promise<void> {
  await lockAll(transaction, LOCK_BLOBS, repositoryId, requiredBlobs);
  await lockAll(transaction, LOCK_MANIFESTS, repositoryId, requiredManifests);
}

async function lockAll(
  transaction: Transaction,
  statement: Statement,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<void> {
  if (digests.length === 0) return;
  const rows = await transaction.query<{ digest: Digest }>(statement, [repositoryId, digests]);
  const present = new Set(rows.map(({ digest }) => digest));
  const missing = digests.find((digest) => !present.has(digest));
  if (missing === undefined) return;
  throw new OciError(
    'MANIFEST_BLOB_UNKNOWN',
    'The manifest names content that the repository does not have: push that first.',
    { detail: { digest: missing } },
  );
}

/**
 * Refuses texts that PostgreSQL can't hold: NUL, and halves of surrogate pairs.
 * @throws OciError MANIFEST_INVALID
 */
export function requireStorable({ annotations = {}, artifactType = '' }: Manifest): void {
  const texts = [artifactType, ...Object.entries(annotations).flat()];
  if (texts.every((text) => text.isWellFormed() && !text.includes('\0'))) return;
  throw new OciError(
    'MANIFEST_INVALID',
    'An annotation or the artifact type holds U+0000 or half of a surrogate pair.',
  );
}
