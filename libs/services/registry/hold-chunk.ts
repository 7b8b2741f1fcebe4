import type { BlobStoreError } from '@dockchains/blobs';

import type { RegistryDeps } from './deps.ts';
import { brokenOff } from './receive-chunk.ts';
import type { AppendUpload } from './append-upload.ts';
import { getUpload, type Upload, UPLOAD_LIFETIME_MS, uploadBusy, type UploadRequest } from './uploads.ts';

/** So many bytes of an upload its row holds at most. */
export const MAX_HELD_BYTES = 65_536;

/** A chunk in memory, and why it ended if not by itself. */
export interface ShortChunk {
  readonly bytes: Buffer;
  readonly failure?: BlobStoreError;
}

/**
 * Adds a chunk to what an upload's row holds, durable, by one statement that also finds out whether it may be; undefined, and nothing written,
 * where something is in the way.
 * @throws OciError BLOB_UPLOAD_INVALID (400: broken off, what arrived being kept); AccessError
 */
export async function holdAhead(
  { judgedWrites, uploadWrites, heldBytes, clock }: RegistryDeps,
  { principal, repository, id, start }: AppendUpload,
  { bytes, failure }: ShortChunk,
): Promise<number | undefined> {
  const at = clock();
  const expiresAt = new Date(at.getTime() + UPLOAD_LIFETIME_MS);
  const chunk = { id, repository, principalId: principal.id, at, expiresAt, bytes, start };
  const row = await judgedWrites.push({ principal, repository }, (known) =>
    uploadWrites.hold({ ...chunk, known }),
  );
  const total = row?.total ?? undefined;
  if (total === undefined) return undefined;
  heldBytes.note(id, total - bytes.length, bytes);
  if (failure !== undefined) throw brokenOff({ total, failure });
  return total;
}

/**
 * Adds a chunk to what an upload's row holds, and gives how many bytes it has then, durable. One statement, by compare-and-swap:
 * it needs no lock, and changes nothing while another request has it.
 * @throws OciError BLOB_UPLOAD_INVALID (416: another request was faster; 400: broken off, what arrived being kept),
 *   BLOB_UPLOAD_UNKNOWN; AccessError
 */
export async function holdChunk(
  deps: RegistryDeps,
  request: UploadRequest & { readonly upload: Upload },
  { bytes, failure }: ShortChunk,
): Promise<number> {
  const { id, received } = request.upload;
  const total = received + bytes.length;
  const expiresAt = new Date(deps.clock().getTime() + UPLOAD_LIFETIME_MS);
  if (!(await deps.uploadCalls.move({ id, received, total, expiresAt, held: bytes }))) {
    await getUpload(deps, request);
    throw uploadBusy();
  }
  if (failure !== undefined) throw brokenOff({ total, failure });
  return total;
}
