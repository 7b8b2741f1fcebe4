import type { AppendOptions, ByteSource, HandingSource } from './blob-store.ts';
import { drainSource } from './drain-source.ts';
import { BlobStoreError } from './errors.ts';
import type { PieceFile } from './piece-file.ts';
import type { PieceHash } from './piece-hash.ts';
import { PIECE_BYTES, recyclePiece, takePiece } from './pieces.ts';

// So many full pieces may be on their way to the disk and into the hash.
const MAX_PENDING = 3;

/** What a source gave: bytes written, and why it ended if not by itself. */
export type Written = { received: number; failure?: unknown };

/** The file that a source is written into from `offset` on, and the hash that the written bytes are added to. */
export type WriteTarget = { file: PieceFile; offset: number; hash: PieceHash | undefined };

/**
 * Writes a source into a file. Its chunks are gathered in pieces of 1 MiB, which are written while they are hashed and the next is filled: four are in
 * memory at most. A source that fails is reported; a file or limit that fails throws, and the hash is then of no use.
 * @throws BlobStoreError TOO_LARGE
 */
export async function writeStream(
  { file, offset, hash }: WriteTarget,
  source: ByteSource | HandingSource,
  { head, maxBytes = Infinity, signal, onReadable, onReceived, onHashed }: AppendOptions,
): Promise<Written> {
  const pending: Promise<void>[] = [];
  let inOrder = Promise.resolve();
  let piece: Buffer | undefined;
  let filled = 0;
  let received = 0;
  // The first piece ends where the file's next whole piece begins.
  let room = PIECE_BYTES - (offset % PIECE_BYTES);
  const write = async (bytes: Buffer, position: number): Promise<void> => {
    const hashing = hash?.update(bytes);
    hashing?.catch(() => undefined); // it is awaited behind the write
    const held = onReceived?.(bytes, position);
    try {
      await file.write(bytes, position);
    } finally {
      await hashing;
      if (held === undefined) recyclePiece(bytes);
      else
        void held.then(() => {
          recyclePiece(bytes);
        });
    }
  };
  const flush = (): Promise<void> | undefined => {
    if (piece === undefined) return undefined;
    const bytes = piece.subarray(0, filled);
    piece = undefined;
    room = PIECE_BYTES;
    const writing = write(bytes, offset + received - filled);
    writing.catch(() => undefined); // it is awaited by a later flush or the end
    pending.push(writing);
    if (onReadable !== undefined) {
      const [before, end] = [inOrder, received];
      inOrder = writing
        .then(() => before)
        .then(() => {
          onReadable(end);
        });
      inOrder.catch(() => undefined); // what failed is told of by the write
    }
    return pending.length >= MAX_PENDING ? pending.shift() : undefined;
  };
  const take = (chunk: Buffer): Promise<void> | undefined => {
    if (received + chunk.length > maxBytes) {
      throw new BlobStoreError(
        'TOO_LARGE',
        `The upload would be longer than the ${maxBytes} bytes left to it.`,
      );
    }
    let full: Promise<void> | undefined;
    for (let from = 0; from < chunk.length;) {
      if (piece === undefined) [piece, filled] = [takePiece(), 0];
      const copied = chunk.copy(piece, filled, from, from + room - filled);
      from += copied;
      filled += copied;
      received += copied;
      if (filled === room) full = joined(full, flush());
    }
    return full;
  };

  try {
    if (head !== undefined) await take(head);
    const ended = await drainSource(source, signal, take);
    const last = flush();
    if (onHashed !== undefined && ended.failure === undefined) {
      hash
        ?.digest()
        .then(onHashed)
        .catch(() => undefined); // it is computed again for the commit
    }
    await last;
    await Promise.all(pending);
    return { received, ...ended };
  } finally {
    await Promise.allSettled(pending); // the caller may cut or close the file next
  }
}

/** Waits for both. */
function joined(one: Promise<void> | undefined, other: Promise<void> | undefined): Promise<void> | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Promise.all([one, other]).then(() => undefined);
}
