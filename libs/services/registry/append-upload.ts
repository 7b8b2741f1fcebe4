import type { RegistryDeps } from './deps.ts';
import { holdAhead, holdChunk } from './hold-chunk.ts';
import { bodyOf, isHoldable, readAhead, readShort } from './read-ahead.ts';
import { brokenOff, type Chunk, countReceived, receiveChunk, requireStart } from './receive-chunk.ts';
import { ensureFile } from './upload-file.ts';
import { getUpload, type UploadRequest, withUpload } from './uploads.ts';

/** A chunk for an upload session. */
export interface AppendUpload extends UploadRequest, Chunk {}

/**
 * Adds a chunk to an upload (distribution-spec, Pushing a blob in chunks) and gives how many bytes it has then. What is short is
 * kept in the row, by the statement that counts it; else the bytes are durable in the file, then the row counts them. A sender
 * that breaks off loses nothing that arrived.
 * @throws OciError BLOB_UPLOAD_UNKNOWN, BLOB_UPLOAD_INVALID (416: not where the upload ends, or another request is at
 *   it; 400: broken off), SIZE_INVALID; AccessError; BlobStoreError
 */
export async function appendUpload(deps: RegistryDeps, request: AppendUpload): Promise<number> {
  const ahead = await readAhead(deps, request);
  if (ahead !== undefined && 'bytes' in ahead) {
    const total = await holdAhead(deps, request, ahead);
    if (total !== undefined) return total;
  }
  const upload = await getUpload(deps, request);
  deps.heldBytes.forget(upload.id);
  if (upload.inRow) requireStart(upload.received, request.start);
  const short = await readShort(deps, { ...request, upload }, ahead);
  if (short === undefined) return appendFile(deps, request);
  if (isHoldable(upload, short)) return holdChunk(deps, { ...request, upload }, short);
  return appendFile(deps, { ...request, ...bodyOf(short) });
}

function appendFile(deps: RegistryDeps, request: AppendUpload): Promise<number> {
  return withUpload(deps, request, async (upload, lost) => {
    requireStart(upload.received, request.start);
    await ensureFile(deps.blobs, upload);
    const received = await receiveChunk(deps.blobs, upload, { ...request, lost });
    await countReceived(deps, upload, received.total);
    if (received.failure !== undefined) throw brokenOff(received);
    return received.total;
  });
}
