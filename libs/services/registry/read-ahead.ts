import { Readable } from 'node:stream';

import type { ByteSource, ShortSource } from '@dockchains/blobs';

import type { AppendUpload } from './append-upload.ts';
import type { RegistryDeps } from './deps.ts';
import { MAX_HELD_BYTES } from './hold-chunk.ts';
import { isUploadId, type Upload } from './uploads.ts';

/**
 * Reads what a row may take of a request's body, of somebody who most likely may push there, before anything is asked of the database;
 * undefined where the body is not touched.
 */
export async function readAhead(
  { blobs, judgedWrites }: RegistryDeps,
  { principal, repository, id, source, length }: AppendUpload,
): Promise<ShortSource | undefined> {
  if (length !== undefined && length > MAX_HELD_BYTES) return undefined;
  if (!isUploadId(id) || !judgedWrites.isLikely({ principal, repository })) return undefined;
  return length === 0 ? { bytes: Buffer.alloc(0) } : blobs.receiveShort(source, MAX_HELD_BYTES);
}

/** As {@link readAhead}, once it is known that the upload may hold more: undefined if it goes to the file as it comes. */
export async function readShort(
  { blobs }: RegistryDeps,
  { upload, source, length }: AppendUpload & { readonly upload: Upload },
  ahead: ShortSource | undefined,
): Promise<ShortSource | undefined> {
  if (ahead !== undefined) return ahead;
  const room = MAX_HELD_BYTES - upload.received;
  if (!upload.inRow || (length !== undefined && length > room)) return undefined;
  return length === 0 ? { bytes: Buffer.alloc(0) } : blobs.receiveShort(source, room);
}

/** Says whether the upload's row takes a body that was read. */
export function isHoldable(
  { inRow, received }: Upload,
  body: ShortSource,
): body is Extract<ShortSource, { bytes: Buffer }> {
  return inRow && 'bytes' in body && received + body.bytes.length <= MAX_HELD_BYTES;
}

/** A body as a file takes it: the bytes that were read ahead, and the source of those behind, which fails as it did. */
export function bodyOf(ahead: ShortSource): { readonly head: Buffer; readonly source: ByteSource } {
  if ('head' in ahead) return { head: ahead.head, source: ahead.rest };
  const { bytes, failure } = ahead;
  const source = new Readable({
    read() {
      if (failure === undefined) this.push(null);
      else this.destroy(failure);
    },
  });
  return { head: bytes, source };
}
