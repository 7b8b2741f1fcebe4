import type { RegistryDeps } from './deps.ts';
import { brokenOff, type Chunk, countReceived, receiveChunk } from './receive-chunk.ts';
import { type UploadRequest, withUpload } from './uploads.ts';

/** A chunk for an upload session. */
export interface AppendUpload extends UploadRequest, Chunk {}

/**
 * Adds a chunk to an upload (distribution-spec, Pushing a blob in chunks) and gives how many bytes it has then. Order: the
 * bytes are durable, then the row counts them. A sender that breaks off loses nothing that arrived.
 * @throws OciError BLOB_UPLOAD_UNKNOWN, BLOB_UPLOAD_INVALID (416: not where the upload ends, or another request is at
 *   it; 400: broken off), SIZE_INVALID; AccessError; BlobStoreError
 */
export function appendUpload(deps: RegistryDeps, request: AppendUpload): Promise<number> {
  return withUpload(deps, request, async (upload, lost) => {
    const received = await receiveChunk(deps.blobs, upload, { ...request, lost });
    await countReceived(deps, upload, received.total);
    if (received.failure !== undefined) throw brokenOff(received);
    return received.total;
  });
}
