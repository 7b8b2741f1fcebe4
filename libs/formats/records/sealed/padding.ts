import { RecordError } from '../errors.ts';

/** Longest record in bytes that is sealed: the largest bucket less its length field. */
export const MAX_SEALED_BYTES = 65_532;

const MIN_BUCKET = 1024;
const MAX_BUCKET = 65_536;
const LENGTH_BYTES = 4;

/** The sizes that padded records have, in bytes: 1,024·2ʲ. */
export const BUCKETS: readonly number[] = Array.from({ length: 7 }, (_, j) => MIN_BUCKET * 2 ** j);

/** `u32be(|m|) ‖ m ‖ 0…`, in the smallest bucket that fits. @throws RecordError TOO_LARGE */
export function pad(m: Uint8Array): Buffer {
  const padded = Buffer.alloc(bucketOf(m.length));
  padded.writeUInt32BE(m.length);
  padded.set(m, LENGTH_BYTES);
  return padded;
}

/** Takes the padding off again. @throws RecordError BAD_PADDING for any other bytes than {@link pad} would make */
export function unpad(padded: Buffer): Buffer {
  const length = padded.length < LENGTH_BYTES ? Infinity : padded.readUInt32BE();
  const end = LENGTH_BYTES + length;
  if (end > padded.length || end > MAX_BUCKET || bucketOf(length) !== padded.length) {
    throw new RecordError('BAD_PADDING', 'The padding of the sealed record is not the smallest that fits.');
  }
  if (!padded.subarray(end).every((byte) => byte === 0)) {
    throw new RecordError('BAD_PADDING', 'The padding of the sealed record is not zero.');
  }
  return padded.subarray(LENGTH_BYTES, end);
}

function bucketOf(length: number): number {
  const bucket = BUCKETS.find((size) => size >= LENGTH_BYTES + length);
  if (bucket !== undefined) return bucket;
  throw new RecordError(
    'TOO_LARGE',
    `The record takes ${length} bytes; at most ${MAX_SEALED_BYTES} are sealed.`,
  );
}
