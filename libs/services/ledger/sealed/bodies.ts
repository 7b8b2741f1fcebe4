import { entriesPath, TILE_WIDTH } from '@dockchains/tlog';

import { keyOf } from '../context.ts';
import { LedgerError } from '../errors.ts';

const LENGTH_BYTES = 4;

/** Where the bodies of full entry bundle `index` lie in the tile store: off the tree, and served to nobody. */
export function bodiesKey(name: string, index: bigint): string {
  return keyOf(name, `bodies/${entriesPath({ index, width: TILE_WIDTH })}`);
}

/** Each body behind its u32 big-endian length; 0 for an entry without one. */
export function encodeBodies(bodies: readonly (Uint8Array | null)[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32BE(body?.length ?? 0);
      return body === null ? [length] : [length, body];
    }),
  );
}

/** Reads `count` bodies back. @throws LedgerError CONTRADICTION if there are more or fewer */
export function parseBodies(bytes: Buffer, count: number): (Buffer | null)[] {
  const bodies: (Buffer | null)[] = [];
  let offset = 0;
  while (bodies.length < count) {
    const start = offset + LENGTH_BYTES;
    const length = start <= bytes.length ? bytes.readUInt32BE(offset) : Number.MAX_SAFE_INTEGER;
    if (start + length > bytes.length) throw broken('end before the last');
    bodies.push(length === 0 ? null : bytes.subarray(start, start + length));
    offset = start + length;
  }
  if (offset < bytes.length) throw broken('go on behind the last');
  return bodies;
}

const broken = (how: string): LedgerError =>
  new LedgerError(
    'CONTRADICTION',
    `The bodies of sealed records in the tile store ${how}: put the blob store back from its backup.`,
  );
