import { type Digest, OciError } from '@dockchains/oci';

import type { AppendUpload } from './append-upload.ts';
import { commitBlob } from './commit-blob.ts';
import type { RegistryDeps } from './deps.ts';
import { brokenOff, countReceived, receiveChunk, type Received } from './receive-chunk.ts';
import { type Upload, withUpload } from './uploads.ts';

/** The last chunk, often empty, and the digest that all bytes together must have. */
export interface FinishUpload extends AppendUpload {
  readonly digest: Digest;
  /** Whether the request has no body, so that the source is empty. */
  readonly isEmpty?: boolean;
}

/**
 * Ends an upload: its bytes become a blob of the repository (distribution-spec, Pushing blobs). A digest that does not fit,
 * or a sender that breaks off, leaves the session with what it has.
 * @throws OciError DIGEST_INVALID and whatever an append throws
 */
export function finishUpload(deps: RegistryDeps, request: FinishUpload): Promise<void> {
  return withUpload(deps, request, async (upload, lost) => {
    const received = await receiveLast(deps, upload, { ...request, lost });
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

/** Also without a body it cuts off what a crashed request wrote and never counted, if there is any. */
async function receiveLast(
  { blobs }: RegistryDeps,
  upload: Upload,
  { isEmpty = false, ...chunk }: FinishUpload & { lost: AbortSignal },
): Promise<Received> {
  const { id, received } = upload;
  const isWhole = isEmpty && chunk.start === undefined && (await blobs.uploadSize(id)) === received;
  return isWhole ? { total: received, failure: undefined } : receiveChunk(blobs, upload, chunk);
}
