import { type Digest, digestAlgorithm, OciError } from '@dockchains/oci';

import type { AppendUpload } from './append-upload.ts';
import { commitBlob, leaseIn } from './commit-blob.ts';
import type { RegistryDeps } from './deps.ts';
import { finishKnown } from './finish-known.ts';
import { holdChunk, type ShortChunk } from './hold-chunk.ts';
import { bodyOf, isHoldable, readAhead, readShort } from './read-ahead.ts';
import { brokenOff, countReceived, receiveChunk, type Received, requireStart } from './receive-chunk.ts';
import { ensureFile, USUAL_ALGORITHM } from './upload-file.ts';
import { getUpload, type Upload, withUpload } from './uploads.ts';

/** The last chunk, often empty, and the digest that all bytes together must have. */
export interface FinishUpload extends AppendUpload {
  readonly digest: Digest;
}

/**
 * Ends an upload: its bytes become a blob of the repository (distribution-spec, Pushing blobs). A digest that does not fit,
 * or a sender that breaks off, leaves the session with what it has.
 * @throws OciError DIGEST_INVALID and whatever an append throws
 */
export async function finishUpload(deps: RegistryDeps, request: FinishUpload): Promise<void> {
  const ahead = await readAhead(deps, request);
  if (ahead !== undefined && 'bytes' in ahead && (await finishKnown(deps, request, ahead))) return;
  const upload = await getUpload(deps, request, true);
  deps.heldBytes.forget(upload.id);
  if (upload.inRow) requireStart(upload.received, request.start);
  const short = await readShort(deps, { ...request, upload }, ahead);
  if (short === undefined) await finishFile(deps, request);
  else if (isHoldable(upload, short)) await finishHeld(deps, { ...request, upload }, short);
  else await finishFile(deps, { ...request, ...bodyOf(short) });
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
  const lease = leaseIn(deps, digest, () => Promise.resolve(repositoryId));
  try {
    await commitBlob(deps, { id, bytes, lease }, digest);
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
      const lease = leaseIn(deps, request.digest, () => Promise.resolve(upload.repositoryId));
      await commitBlob(deps, { id: upload.id, lease }, request.digest);
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
  chunk: FinishUpload & { lost: AbortSignal },
): Promise<Received> {
  const { id, received } = upload;
  const isWhole =
    chunk.length === 0 && chunk.start === undefined && (await blobs.uploadSize(id)) === received;
  return isWhole ? { total: received, failure: undefined } : receiveChunk(blobs, upload, chunk);
}
