import type { Readable } from 'node:stream';

import { OciError } from '@dockchains/oci';

/**
 * Reads a body of at most `maxBytes` whole.
 * @throws OciError SIZE_INVALID; MANIFEST_INVALID if the sender breaks off
 */
export async function readBody(source: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // Left open when refused: the connection is to carry the answer.
    for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw new OciError('SIZE_INVALID', `The body is longer than ${maxBytes} bytes.`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof OciError) throw error;
    throw new OciError('MANIFEST_INVALID', 'The request broke off before its body ended.', { cause: error });
  }
  return Buffer.concat(chunks, length);
}
