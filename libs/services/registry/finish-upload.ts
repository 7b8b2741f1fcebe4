import { type Digest, OciError } from '@dockchains/oci';

import type { AppendUpload } from './append-upload.ts';
import { commitBlob } from './commit-blob.ts';
import type { RegistryDeps } from './deps.ts';
import { brokenOff, countReceived, receiveChunk } from './receive-chunk.ts';
import { withUpload } from './uploads.ts';

/** The last chunk, often empty, and the digest that all bytes together must have. */
export interface FinishUpload extends AppendUpload {
  readonly digest: Digest;
}

/**
 * Ends an upload: its bytes become a blob of the repository (distribution-spec, Pushing blobs). A digest that does not fit,
 * or a sender that breaks off, leaves the session with what it has.
 * @throws OciError DIGEST_INVALID and whatever an append throws
 */
export function finishUpload(deps: RegistryDeps, request: FinishUpload): Promise<void> {
  return withUpload(deps, request, async (upload, lost) => {
    // Also without a body: it cuts off what a crashed request wrote and never counted.
    const received = await receiveChunk(deps.blobs, upload, { ...request, lost });
    if (received.failure !== undefined) {
      await countReceived(deps, upload, received.total);
      throw brokenOff(received);
    }
    try {
      const ensureRepositoryId = (): Promise<number> => Promise.resolve(upload.repositoryId);
      await commitBlob(deps, { id: upload.id, ensureRepositoryId }, request.digest);
    } catch (error) {
      if (error instanceof OciError && error.code === 'DIGEST_INVALID') {
        await countReceived(deps, upload, received.total);
      }
      throw error;
    }
  });
}
