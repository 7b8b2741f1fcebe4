import { finished, Readable } from 'node:stream';

import type { ByteSource, ShortSource } from './blob-store.ts';
import { BlobStoreError } from './errors.ts';
import { countReceived } from './young-garbage.ts';

/**
 * Takes a source whole into memory if it ends within `maxBytes`, failing or not; a longer one is paused, and given back with what was read of it.
 * @throws BlobStoreError IO if it gives something that is no buffer
 */
export function receiveShort(source: ByteSource, maxBytes: number): Promise<ShortSource> {
  const stream = source instanceof Readable ? source : Readable.from(source);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const stop = (): void => {
      stream.off('data', receive);
      unwatch();
      stream.pause();
    };
    const receive = (chunk: unknown): void => {
      if (!Buffer.isBuffer(chunk)) {
        stop();
        reject(new BlobStoreError('IO', 'The source gave something that is no buffer.'));
        return;
      }
      chunks.push(chunk);
      length += chunk.length;
      if (length <= maxBytes) return;
      stop();
      resolve({ head: Buffer.concat(chunks, length), rest: stream });
    };
    const unwatch = finished(stream, { writable: false }, (failure) => {
      stream.off('data', receive);
      countReceived(length);
      const [first] = chunks;
      const bytes = first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks, length);
      if (failure === undefined || failure === null) resolve({ bytes });
      else resolve({ bytes, failure: brokenOff(failure, length) });
    });
    stream.on('data', receive);
  });
}

function brokenOff(cause: unknown, received: number): BlobStoreError {
  return new BlobStoreError('SOURCE_FAILED', 'The upload was broken off by its sender.', { cause, received });
}
