import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';

import type { AppendOptions, ByteSource } from './blob-store.ts';
import { writeFully } from './durable.ts';
import { BlobStoreError } from './errors.ts';
import { PIECE_BYTES, recyclePiece, takePiece } from './pieces.ts';
import { countReceived } from './young-garbage.ts';

// So many full pieces may be on their way to the disk. Side by side, since each goes in many short writes.
const MAX_PENDING = 3;
// Synced each time that so much more is written, so that little is left for the end.
const SYNC_BYTES = 8 << 20;

/** What a source gave: bytes written, and why it ended if not by itself. */
export type Written = { received: number; failure?: unknown };

/** The file that a source is written into from `offset` on, and the hash that the written bytes are added to. */
export type WriteTarget = { file: FileHandle; offset: number; hash: Hash | undefined };

/**
 * Writes a source into a file. Its chunks are gathered in pieces of 1 MiB, which are written while they are hashed and the next is filled: four are in
 * memory at most. A source that fails is reported; a file or limit that fails throws, and the hash is then of no use.
 * @throws BlobStoreError TOO_LARGE
 */
export async function writeStream(
  { file, offset, hash }: WriteTarget,
  source: ByteSource,
  { maxBytes = Infinity, signal }: AppendOptions,
): Promise<Written> {
  const pending: Promise<void>[] = [];
  let syncing = Promise.resolve();
  let unsynced = 0;
  let piece: Buffer | undefined;
  let filled = 0;
  let received = 0;
  const write = async (bytes: Buffer, position: number): Promise<void> => {
    try {
      await writeFully(file, bytes, position);
    } finally {
      recyclePiece(bytes);
    }
    unsynced += bytes.length;
    if (unsynced < SYNC_BYTES) return;
    unsynced = 0;
    syncing = syncing.then(() => file.datasync());
    syncing.catch(() => undefined); // it is awaited at the end
  };
  const flush = async (): Promise<void> => {
    if (piece === undefined) return;
    const bytes = piece.subarray(0, filled);
    piece = undefined;
    const writing = write(bytes, offset + received - filled);
    writing.catch(() => undefined); // it is awaited by a later flush or the end
    pending.push(writing);
    hash?.update(bytes);
    if (pending.length >= MAX_PENDING) await pending.shift();
  };
  const take = async (chunk: Buffer): Promise<void> => {
    if (received + chunk.length > maxBytes) {
      throw new BlobStoreError(
        'TOO_LARGE',
        `The upload would be longer than the ${maxBytes} bytes left to it.`,
      );
    }
    for (let from = 0; from < chunk.length;) {
      if (piece === undefined) [piece, filled] = [takePiece(), 0];
      const copied = chunk.copy(piece, filled, from);
      from += copied;
      filled += copied;
      received += copied;
      if (filled === PIECE_BYTES) await flush();
    }
    countReceived(chunk.length);
  };

  try {
    const ended = await forEachChunk(source, signal, take);
    await flush();
    await Promise.all(pending);
    await syncing;
    return { received, ...ended };
  } finally {
    // The caller may cut or close the file next.
    await Promise.allSettled(pending);
    await syncing.catch(() => undefined);
  }
}

/** Feeds the chunks of a source; a failing source is reported, a failing `take` throws and leaves a stream open, so that a request can still be answered. */
async function forEachChunk(
  source: ByteSource,
  signal: AbortSignal | undefined,
  take: (chunk: Buffer) => Promise<void>,
): Promise<{ failure?: unknown }> {
  const stream = source instanceof Readable ? source : Readable.from(source);
  if (signal !== undefined) addAbortSignal(signal, stream);
  const chunks: AsyncIterator<unknown> = stream.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      let next: IteratorResult<unknown>;
      try {
        next = await chunks.next();
      } catch (failure) {
        return { failure };
      }
      if (next.done === true) return {};
      if (!Buffer.isBuffer(next.value))
        throw new BlobStoreError('IO', 'The source gave something that is no buffer.');
      await take(next.value);
    }
  } finally {
    if (stream !== source) stream.destroy();
  }
}
