import { BlobStoreError, type ByteSource } from '@dockchains/blobs';
import type { Statement } from '@dockchains/database';
import { OciError } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { uploadUnknown } from './unknown.ts';
import { type Upload, UPLOAD_LIFETIME_MS, type UploadRequest, withUpload } from './uploads.ts';

/** A chunk: its bytes, and where its sender says that it begins; its end is where the bytes end. */
export interface AppendUpload extends UploadRequest {
  readonly source: ByteSource;
  /** First byte of a Content-Range; undefined for a streamed chunk. */
  readonly start?: number;
}

// More than any layer; a bound, so that one session can't fill every disk.
const MAX_BLOB_BYTES = 2 ** 40;

const MOVE: Statement = {
  name: 'registry_move_upload',
  text: `UPDATE upload SET received = $3, expires_at = $4 WHERE id = $1 AND received = $2 RETURNING id`,
};

/**
 * Adds a chunk to an upload (distribution-spec, Pushing a blob in chunks) and gives how many bytes it has then. A sender
 * that breaks off loses nothing that arrived.
 * @throws OciError BLOB_UPLOAD_UNKNOWN, BLOB_UPLOAD_INVALID (416: not where the upload ends, or another request is at
 *   it; 400: broken off), SIZE_INVALID; AccessError; BlobStoreError
 */
export function appendUpload(deps: RegistryDeps, request: AppendUpload): Promise<number> {
  return withUpload(deps, request, (upload, lost) => append(deps, upload, { ...request, lost }));
}

/**
 * Appends under the upload's lock. Order: the bytes are durable, then the row counts them; after a crash in between the
 * next append cuts off what was not counted.
 */
export async function append(
  deps: RegistryDeps,
  upload: Upload,
  { source, start, lost }: Pick<AppendUpload, 'source' | 'start'> & { lost: AbortSignal },
): Promise<number> {
  if (start !== undefined && start !== upload.received) {
    throw new OciError('BLOB_UPLOAD_INVALID', 'The chunk does not begin where the upload ends.', {
      status: 416,
      detail: { expected: upload.received, received: start },
    });
  }
  const { received, failure } = await write(deps, upload, source, lost);
  const total = upload.received + received;
  const expiresAt = new Date(deps.clock().getTime() + UPLOAD_LIFETIME_MS);
  const moved = await deps.database.query(MOVE, [upload.id, upload.received, total, expiresAt]);
  if (moved.length === 0) throw uploadUnknown();
  if (failure === undefined) return total;
  throw new OciError('BLOB_UPLOAD_INVALID', 'The request broke off; what arrived of it is kept.', {
    cause: failure,
    detail: { received: total },
  });
}

async function write(
  { blobs }: RegistryDeps,
  upload: Upload,
  source: ByteSource,
  signal: AbortSignal,
): Promise<{ received: number; failure?: BlobStoreError }> {
  try {
    const maxBytes = MAX_BLOB_BYTES - upload.received;
    return await blobs.appendUpload(upload.id, upload.received, source, { maxBytes, signal });
  } catch (error) {
    if (!(error instanceof BlobStoreError)) throw error;
    if (error.code === 'UPLOAD_UNKNOWN' || error.code === 'OFFSET_INVALID') throw uploadUnknown();
    if (error.code === 'TOO_LARGE') {
      throw new OciError('SIZE_INVALID', `A blob may have at most ${MAX_BLOB_BYTES} bytes.`, {
        cause: error,
      });
    }
    // Without the lock nothing may be counted any more: another request may be writing.
    if (error.code !== 'SOURCE_FAILED' || signal.aborted) throw error;
    return { received: error.received, failure: error };
  }
}
