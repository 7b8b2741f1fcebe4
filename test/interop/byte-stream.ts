import { createHash, randomBytes } from 'node:crypto';

import { type Digest, parseDigest } from '@dockchains/oci';

const CHUNK_BYTES = 1 << 20;
const COUNTER_BYTES = 8;

/** Bytes too many to hold: made as they are wanted, each time the same, no mebibyte like another. */
export interface ByteStream {
  readonly bytes: number;
  readonly digest: Digest;
  /** Gives `count` bytes from `start` on, both whole mebibytes, in chunks that must not be kept. */
  chunks(start: number, count: number): Generator<Buffer>;
}

/** Makes a stream of so many mebibytes. */
export function makeByteStream(mebibytes: number): ByteStream {
  const noise = randomBytes(CHUNK_BYTES);
  const chunkAt = (index: number): Buffer => {
    const chunk = Buffer.from(noise);
    chunk.writeBigUInt64BE(BigInt(index), (index * COUNTER_BYTES) % CHUNK_BYTES);
    return chunk;
  };
  function* chunks(start: number, count: number): Generator<Buffer> {
    for (let at = start; at < start + count; at += CHUNK_BYTES) yield chunkAt(at / CHUNK_BYTES);
  }
  const bytes = mebibytes * CHUNK_BYTES;
  const hash = createHash('sha256');
  for (const chunk of chunks(0, bytes)) hash.update(chunk);
  return { bytes, digest: parseDigest(`sha256:${hash.digest('hex')}`), chunks };
}
