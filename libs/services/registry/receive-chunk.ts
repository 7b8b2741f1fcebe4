import { type BlobStore, BlobStoreError, type ByteSource } from '@dockchains/blobs';
import { OciError } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { uploadUnknown } from './unknown.ts';
import { type Upload, UPLOAD_LIFETIME_MS } from './uploads.ts';

/** The bytes of one request, and where its sender says that they begin; their end is where they end. */
export interface Chunk {
  readonly source: ByteSource;
  /** Those that were read ahead of the source's. */
  readonly head?: Buffer;
  /** How many bytes its sender has announced, if it has. */
  readonly length?: number;
  /** First byte of a Content-Range; undefined for a streamed chunk. */
  readonly start?: number;
}

/** How many bytes an upload has after a chunk, all durable, and why the chunk ended if not by itself. */
export interface Received {
  readonly total: number;
  readonly failure: BlobStoreError | undefined;
}

// More than any layer; a bound, so that one session can't fill every disk.
const MAX_BLOB_BYTES = 2 ** 40;

/**
 * Returns if a chunk begins where the upload ends, or does not say where.
 * @throws OciError BLOB_UPLOAD_INVALID with status 416
 */
export function requireStart(received: number, start: number | undefined): void {
  if (start === undefined || start === received) return;
  throw new OciError('BLOB_UPLOAD_INVALID', 'The chunk does not begin where the upload ends.', {
    status: 416,
    detail: { expected: received, received: start },
  });
}

/**
 * Writes a chunk behind what an upload has, under its lock; `lost` aborts when that is lost. It is not counted yet: after a
 * crash the next chunk cuts it off.
 * @throws OciError BLOB_UPLOAD_INVALID with status 416 if it does not begin where the upload ends, BLOB_UPLOAD_UNKNOWN,
 *   SIZE_INVALID; BlobStoreError
 */
export async function receiveChunk(
  blobs: BlobStore,
  { id, received }: Pick<Upload, 'id' | 'received'>,
  { source, head, start, lost }: Chunk & { lost?: AbortSignal },
): Promise<Received> {
  requireStart(received, start);
  const options = {
    maxBytes: MAX_BLOB_BYTES - received,
    ...(head !== undefined && { head }),
    ...(lost !== undefined && { signal: lost }),
  };
  try {
    const written = await blobs.appendUpload(id, received, source, options);
    return { total: received + written.received, failure: undefined };
  } catch (error) {
    if (!(error instanceof BlobStoreError)) throw error;
    if (error.code === 'UPLOAD_UNKNOWN' || error.code === 'OFFSET_INVALID') throw uploadUnknown();
    if (error.code === 'TOO_LARGE') {
      throw new OciError('SIZE_INVALID', `A blob may have at most ${MAX_BLOB_BYTES} bytes.`, {
        cause: error,
      });
    }
    if (error.code !== 'SOURCE_FAILED') throw error;
    if (lost?.aborted === true) throw lockLost(error);
    return { total: received + error.received, failure: error };
  }
}

/**
 * Counts the bytes that an upload has now, by compare-and-swap, and lets it live on from now. Bytes that are not counted may be
 * written over by another gateway, so their hash is forgotten.
 * @throws OciError BLOB_UPLOAD_UNKNOWN if it was ended meanwhile
 */
export async function countReceived(
  { uploadCalls, blobs, clock }: RegistryDeps,
  { id, received }: Upload,
  total: number,
): Promise<void> {
  const expiresAt = new Date(clock().getTime() + UPLOAD_LIFETIME_MS);
  try {
    if (!(await uploadCalls.move({ id, received, total, expiresAt }))) throw uploadUnknown();
  } catch (error) {
    blobs.forgetUpload(id);
    throw error;
  }
}

/** The answer to a sender that broke off, should it still listen. */
export function brokenOff({ total, failure }: Received): OciError {
  return new OciError('BLOB_UPLOAD_INVALID', 'The request broke off before its body ended.', {
    cause: failure,
    detail: { received: total },
  });
}

/** Without the lock nothing is counted any more: another request may be writing. */
function lockLost(cause: BlobStoreError): OciError {
  return new OciError(
    'BLOB_UPLOAD_INVALID',
    'The database was away for a moment: ask for the upload’s state.',
    {
      status: 503,
      cause,
    },
  );
}
