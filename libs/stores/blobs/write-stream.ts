import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';

import type { AppendOptions, ByteSource } from './blob-store.ts';
import { writeFully } from './durable.ts';
import { BlobStoreError } from './errors.ts';
import { PIECE_BYTES, recyclePiece, takePiece } from './pieces.ts';
import { countReceived } from './young-garbage.ts';

// So many full pieces may wait for the disk or be on their way there.
const MAX_PENDING = 2;

/** What a source gave: bytes written, and why it ended if not by itself. */
export type Written = { received: number; failure?: unknown };

/** The file that a source is written into from `offset` on, and the hash that the written bytes are added to. */
export type WriteTarget = { file: FileHandle; offset: number; hash: Hash | undefined };

/**
 * Writes a source into a file. Its chunks are gathered in pieces of 1 MiB, which are written one after the other while they are hashed and the next is
 * filled: three are in memory at most. A source that fails is reported; a file or limit that fails throws, and the hash is then of no use.
 * @throws BlobStoreError TOO_LARGE
 */
export async function writeStream(
  { file, offset, hash }: WriteTarget,
  source: ByteSource,
  { maxBytes = Infinity, signal }: AppendOptions,
): Promise<Written> {
  const pending: Promise<void>[] = [];
  let piece: Buffer | undefined;
  let filled = 0;
  let received = 0;
  const flush = async (): Promise<void> => {
    if (piece === undefined) return;
    const [bytes, position] = [piece.subarray(0, filled), offset + received - filled];
    const writing = (pending.at(-1) ?? Promise.resolve())
      .then(() => writeFully(file, bytes, position))
      .finally(() => {
        recyclePiece(bytes);
      });
    writing.catch(() => undefined); // it is awaited by a later flush or the end
    pending.push(writing);
    hash?.update(bytes);
    piece = undefined;
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
    await pending.at(-1);
    return { received, ...ended };
  } finally {
    // The caller may cut or close the file next.
    await pending.at(-1)?.catch(() => undefined);
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
