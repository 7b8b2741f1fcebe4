import { BlobStoreError } from '@dockchains/blobs';
import type { Statement } from '@dockchains/database';
import { type Digest, OciError } from '@dockchains/oci';

import { append, type AppendUpload } from './append-upload.ts';
import type { RegistryDeps } from './deps.ts';
import { uploadUnknown } from './unknown.ts';
import { type Upload, withUpload } from './uploads.ts';

/** The last chunk, often empty, and the digest that all bytes together must have. */
export interface FinishUpload extends AppendUpload {
  readonly digest: Digest;
}

const LINK: Statement = {
  name: 'registry_link_uploaded_blob',
  text: `WITH stored AS (INSERT INTO blob (digest, size) VALUES ($2, $3) ON CONFLICT (digest) DO NOTHING),
           ended AS (DELETE FROM upload WHERE id = $4)
         INSERT INTO repository_blob (repository_id, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
};

/**
 * Ends an upload: its bytes become a blob of the repository (distribution-spec, Pushing blobs). Order: the blob is
 * verified and durable in the store, then one statement makes its row and link and ends the session; a crash in between
 * leaves a blob that nobody names. A digest that does not fit leaves the session as it was.
 * @throws OciError DIGEST_INVALID and whatever an append throws
 */
export function finishUpload(deps: RegistryDeps, request: FinishUpload): Promise<void> {
  return withUpload(deps, request, async (upload, lost) => {
    // Also without a body: it cuts off what a crashed request wrote and never counted.
    await append(deps, upload, { ...request, lost });
    const { size } = await commit(deps, upload, request.digest);
    await deps.database.query(LINK, [upload.repositoryId, request.digest, size, upload.id]);
  });
}

async function commit({ blobs }: RegistryDeps, { id }: Upload, digest: Digest): Promise<{ size: number }> {
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
