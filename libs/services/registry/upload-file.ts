import { type BlobStore, BlobStoreError } from '@dockchains/blobs';
import type { DigestAlgorithm } from '@dockchains/oci';

import type { Upload } from './uploads.ts';

/** By which the store hashes what it writes, if it is not told another. */
export const USUAL_ALGORITHM: DigestAlgorithm = 'sha256';

/**
 * Makes the file of an upload whose bytes are in its row, and writes them there, under its lock: for a chunk that is too long for a
 * row. They count as the row's until the chunk is counted, so a file that an earlier attempt left is made anew.
 * @throws BlobStoreError
 */
export async function ensureFile(blobs: BlobStore, { id, inRow, held }: Upload): Promise<void> {
  if (!inRow) return;
  try {
    await blobs.createUpload(id, USUAL_ALGORITHM, held);
  } catch (error) {
    if (!(error instanceof BlobStoreError) || error.code !== 'UPLOAD_EXISTS') throw error;
    // Without bytes it is the one that the session began with, or what it has is cut off.
    if (held.length === 0) return;
    await blobs.cancelUpload(id);
    await blobs.createUpload(id, USUAL_ALGORITHM, held);
  }
}
