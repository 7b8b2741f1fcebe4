import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';

import type { AppendOptions, ByteSource } from './blob-store.ts';
import { writeFully } from './durable.ts';
import { BlobStoreError } from './errors.ts';

// Small chunks are gathered into writes of about this size, and never more than so many (the system's limit for one call is 1,024).
const BATCH_BYTES = 1 << 20;
const BATCH_CHUNKS = 512;

/** What a source gave: bytes written, and why it ended if not by itself. */
export type Written = { received: number; failure?: unknown };

/** The file that a source is written into from `offset` on, and the hash that the written bytes are added to. */
export type WriteTarget = { file: FileHandle; offset: number; hash: Hash | undefined };

/**
 * Writes a source into a file. One batch is written while it is hashed and the next is gathered, so that two of about 1 MiB are in memory. A source that
 * fails is reported; a file or limit that fails throws, and the hash is then of no use.
 * @throws BlobStoreError TOO_LARGE
 */
export async function writeStream(
  { file, offset, hash }: WriteTarget,
  source: ByteSource,
  { maxBytes = Infinity, signal }: AppendOptions,
): Promise<Written> {
  let batch: Buffer[] = [];
  let gathered = 0;
  let received = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = writeFully(file, batch, offset + received - gathered);
    writing.catch(() => undefined); // it is awaited by the next flush or the end
    for (const chunk of batch) hash?.update(chunk);
    batch = [];
    gathered = 0;
  };

  try {
    const ended = await forEachChunk(source, signal, async (chunk) => {
      if (received + chunk.length > maxBytes) {
        throw new BlobStoreError(
          'TOO_LARGE',
          `The upload would be longer than the ${maxBytes} bytes left to it.`,
        );
      }
      batch.push(chunk);
      gathered += chunk.length;
      received += chunk.length;
      if (gathered >= BATCH_BYTES || batch.length >= BATCH_CHUNKS) await flush();
    });
    if (gathered > 0) await flush();
    await writing;
    return { received, ...ended };
  } finally {
    // The caller may cut or close the file next.
    await writing.catch(() => undefined);
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
