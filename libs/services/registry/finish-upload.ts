import { type Digest, digestAlgorithm, OciError } from '@dockchains/oci';

import type { AppendUpload } from './append-upload.ts';
import { commitBlob } from './commit-blob.ts';
import type { RegistryDeps } from './deps.ts';
import { holdChunk, MAX_HELD_BYTES, type ShortChunk } from './hold-chunk.ts';
import { brokenOff, countReceived, receiveChunk, type Received, requireStart } from './receive-chunk.ts';
import { ensureFile, USUAL_ALGORITHM } from './upload-file.ts';
import { getUpload, type Upload, withUpload } from './uploads.ts';

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
export async function finishUpload(deps: RegistryDeps, request: FinishUpload): Promise<void> {
  const upload = await getUpload(deps, request, true);
  if (!upload.inRow) {
    await finishFile(deps, request);
    return;
  }
  requireStart(upload.received, request.start);
  const short = request.isEmpty
    ? { bytes: Buffer.alloc(0) }
    : await deps.blobs.receiveShort(request.source, MAX_HELD_BYTES - upload.received);
  if ('bytes' in short) await finishHeld(deps, { ...request, upload }, short);
  else await finishFile(deps, { ...request, head: short.head, source: short.rest });
}

/**
 * Ends an upload whose bytes are in memory, without its lock: they have the digest that was asked for, whatever another request
 * has come to meanwhile.
 */
async function finishHeld(
  deps: RegistryDeps,
  request: FinishUpload & { readonly upload: Upload },
  short: ShortChunk,
): Promise<void> {
  const { upload, digest } = request;
  const { id, repositoryId, held } = upload;
  if (short.failure !== undefined) {
    await holdChunk(deps, request, short);
    return;
  }
  const bytes = Buffer.concat([held, short.bytes]);
  const ensureRepositoryId = (): Promise<number> => Promise.resolve(repositoryId);
  try {
    await commitBlob(deps, { id, bytes, ensureRepositoryId }, digest);
  } catch (error) {
    if (error instanceof OciError && error.code === 'DIGEST_INVALID') await holdChunk(deps, request, short);
    throw error;
  }
  // Of the others the session has begun with a file; whatever else leaves one, the sweep gets it.
  if (digestAlgorithm(digest) !== USUAL_ALGORITHM) await deps.blobs.cancelUpload(id).catch(() => false);
}

function finishFile(deps: RegistryDeps, request: FinishUpload): Promise<void> {
  return withUpload(deps, request, async (upload, lost) => {
    requireStart(upload.received, request.start);
    await ensureFile(deps.blobs, upload);
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
