import type { Readable } from 'node:stream';

import { OciError } from '@dockchains/oci';

/**
 * Reads a request's body of at most `maxBytes` whole.
 * @throws OciError SIZE_INVALID
 */
export async function readBody(source: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Left open when refused: the connection is to carry the answer.
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new OciError('SIZE_INVALID', `The body is longer than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
