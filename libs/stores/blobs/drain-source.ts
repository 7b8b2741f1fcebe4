import { addAbortSignal, finished, Readable } from 'node:stream';

import type { ByteSource, HandingSource } from './blob-store.ts';
import { BlobStoreError } from './errors.ts';
import { countReceived } from './young-garbage.ts';

/**
 * Feeds the chunks of a source to `take`, and waits where it gives a promise. A failing source is reported; a failing `take`
 * throws and leaves a stream open, so that a request can still be answered. By events, not by an iterator, whose promises for each
 * chunk cost more than all else that is done with it.
 */
export async function drainSource(
  source: ByteSource | HandingSource,
  signal: AbortSignal | undefined,
  take: (chunk: Buffer) => Promise<void> | undefined,
): Promise<{ failure?: unknown }> {
  if ('handTo' in source) return drainHanding(source, signal, take);
  const stream = source instanceof Readable ? source : Readable.from(source);
  if (signal !== undefined) addAbortSignal(signal, stream);
  try {
    return await drain(stream, take);
  } finally {
    if (stream !== source) stream.destroy();
  }
}

async function drainHanding(
  source: HandingSource,
  signal: AbortSignal | undefined,
  take: (chunk: Buffer) => Promise<void> | undefined,
): Promise<{ failure?: unknown }> {
  const stop = (): void => {
    source.destroy(new Error('The wait for the source was ended.', { cause: signal?.reason }));
  };
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop);
  try {
    return await source.handTo(take);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function drain(
  stream: Readable,
  take: (chunk: Buffer) => Promise<void> | undefined,
): Promise<{ failure?: unknown }> {
  return new Promise((resolve, reject) => {
    // What was taken last: the source may end while it is under way.
    let taking: Promise<void> | undefined;
    const stop = (): void => {
      stream.off('data', receive);
      unwatch();
      stream.pause();
    };
    const refuse = (error: unknown): void => {
      stop();
      reject(error instanceof Error ? error : new Error('A chunk was refused.', { cause: error }));
    };
    const resume = (): void => {
      taking = undefined;
      stream.resume();
    };
    const receive = (chunk: unknown): void => {
      try {
        if (!Buffer.isBuffer(chunk)) {
          throw new BlobStoreError('IO', 'The source gave something that is no buffer.');
        }
        taking = take(chunk);
        countReceived(chunk.length);
      } catch (error) {
        refuse(error);
        return;
      }
      if (taking === undefined) return;
      stream.pause();
      taking.then(resume, refuse);
    };
    const unwatch = finished(stream, { writable: false }, (failure) => {
      stream.off('data', receive);
      const ended = failure === undefined || failure === null ? {} : { failure };
      if (taking === undefined) resolve(ended);
      else
        taking.then(() => {
          resolve(ended);
        }, reject);
    });
    stream.on('data', receive);
    // Whoever looked into the source before has paused it.
    stream.resume();
  });
}
