import { TlogError } from './errors.ts';
import { requireEntrySize } from './hash.ts';
import { TILE_WIDTH } from './tiles.ts';

const LENGTH_BYTES = 2;

/**
 * Encodes 1 to 256 entries as an entry bundle: each with its length before it, 16 bits big-endian (tlog-tiles, Log entries).
 * @throws TlogError BAD_BUNDLE for another number of entries; ENTRY_TOO_LARGE
 */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  requireCount(entries.length);
  entries.forEach(requireEntrySize);
  const total = entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0);
  const bundle = Buffer.allocUnsafe(total);
  let offset = 0;
  for (const entry of entries) {
    offset = bundle.writeUInt16BE(entry.length, offset);
    bundle.set(entry, offset);
    offset += entry.length;
  }
  return bundle;
}

/**
 * Reads the entries of a bundle as views into its bytes (tlog-tiles, Log entries).
 * @throws TlogError BAD_BUNDLE unless it holds exactly `expectedCount` entries, 1 to 256, and nothing behind them
 */
export function parseBundle(bytes: Uint8Array, expectedCount: number): Uint8Array[] {
  requireCount(expectedCount);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (entries.length < expectedCount) {
    const start = offset + LENGTH_BYTES;
    const end = start <= bytes.length ? start + view.getUint16(offset) : Infinity;
    if (end > bytes.length) {
      throw new TlogError(
        'BAD_BUNDLE',
        `The bundle ends within entry ${entries.length} of ${expectedCount}.`,
      );
    }
    entries.push(bytes.subarray(start, end));
    offset = end;
  }
  if (offset === bytes.length) return entries;
  throw new TlogError(
    'BAD_BUNDLE',
    `The bundle has ${bytes.length - offset} bytes behind its ${expectedCount} entries.`,
  );
}

function requireCount(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= TILE_WIDTH) return;
  throw new TlogError('BAD_BUNDLE', `A bundle has 1 to ${TILE_WIDTH} entries, not ${count}.`);
}
