import type { FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';

import type { BlobRange, OpenBlob } from './blob-store.ts';
import { BlobStoreError, guarded } from './errors.ts';
import { PIECE_BYTES, recyclePiece, takePiece } from './pieces.ts';

/** Makes an open file, or a range of it, an {@link OpenBlob}, which closes the file. */
export function openBlobOf(file: FileHandle, range: BlobRange): OpenBlob {
  return {
    sendTo: (sink) => guarded('read a blob', () => send(file, range, sink)),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** While one piece is being sent the next is read. */
async function send(file: FileHandle, { start, end }: BlobRange, sink: Writable): Promise<boolean> {
  let at = start;
  let next = at <= end ? readPiece(file, at, end) : undefined;
  while (next !== undefined) {
    const piece = await next;
    at += piece.length;
    next = at <= end ? readPiece(file, at, end) : undefined;
    next?.catch(() => undefined); // awaited in the next turn, or after a sink that closed
    if (!(await writeTo(sink, piece))) {
      // The sink may still hold its piece, which is left to the collector.
      await next?.catch(() => undefined); // the file must not be closed under it
      return false;
    }
    recyclePiece(piece);
  }
  return true;
}

async function readPiece(file: FileHandle, at: number, end: number): Promise<Buffer> {
  const piece = takePiece();
  const { bytesRead } = await file.read(piece, 0, Math.min(PIECE_BYTES, end + 1 - at), at);
  if (bytesRead === 0) throw new BlobStoreError('IO', 'A blob became shorter while it was read.');
  return piece.subarray(0, bytesRead);
}

/** Writes a chunk and gives whether the sink took it; false if it closed or failed, and may hold on to the chunk. */
export function writeTo(sink: Writable, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const closed = (): void => {
      resolve(false);
    };
    sink.once('close', closed);
    sink.write(chunk, (error) => {
      sink.off('close', closed);
      resolve(!error);
    });
  });
}
