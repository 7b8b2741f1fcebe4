import { type BlobStore, BlobStoreError } from '@dockchains/blobs';
import type { Queryable, Statement } from '@dockchains/database';
import { type Digest, OciError } from '@dockchains/oci';

import { uploadUnknown } from './unknown.ts';

const LINK: Statement = {
  name: 'registry_link_uploaded_blob',
  text: `WITH stored AS (INSERT INTO blob (digest, size) VALUES ($2, $3) ON CONFLICT (digest) DO NOTHING),
           ended AS (DELETE FROM upload WHERE id = $4)
         INSERT INTO repository_blob (repository_id, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
};

/**
 * Makes an upload's bytes a blob of a repository. Order: the blob is verified and durable in the store, then one statement
 * makes its row and link and ends the session; a crash in between leaves a blob that nobody names.
 * @throws OciError DIGEST_INVALID, the upload being as before; BLOB_UPLOAD_UNKNOWN; BlobStoreError
 */
export async function commitBlob(
  { blobs, database }: { blobs: BlobStore; database: Queryable },
  { id, repositoryId }: { id: string; repositoryId: number },
  digest: Digest,
): Promise<void> {
  const { size } = await commitUpload(blobs, id, digest);
  await database.query(LINK, [repositoryId, digest, size, id]);
}

async function commitUpload(blobs: BlobStore, id: string, digest: Digest): Promise<{ size: number }> {
  try {
    return await blobs.commitUpload(id, digest);
  } catch (error) {
    if (!(error instanceof BlobStoreError)) throw error;
    if (error.code === 'UPLOAD_UNKNOWN') throw uploadUnknown();
    if (error.code !== 'DIGEST_MISMATCH') throw error;
    throw new OciError('DIGEST_INVALID', 'The uploaded bytes are not those of the digest.', {
      cause: error,
      detail: { digest },
    });
  }
}
