import { createHash } from 'node:crypto';

/**
 * A segment of the journal of short files, whole numbers big-endian:
 *
 *     0   8   "dcshort1"
 *     8   16  generation: random, another each time that the segment is written from its beginning
 *     24  …   frames, one behind the other
 *
 * and a frame:
 *
 *     0   16  the segment's generation: one of an earlier use is none
 *     16  4   n, how many bytes the file has: 1 to 65,536
 *     20  1   d, how long its digest is as text: 71 or 135
 *     21  d   the digest, `sha256:` or `sha512:` and lowercase hexadecimal
 *     …   n   the bytes, which hash to the digest
 *
 * What is behind the last frame is anything: zeros, a frame of an earlier use, a part of one that was cut off by a loss of power.
 */
const MAGIC = Buffer.from('dcshort1');

export const GENERATION_BYTES = 16;
export const HEADER_BYTES = MAGIC.length + GENERATION_BYTES;
export const MAX_FILE_BYTES = 65_536;

const LENGTH_AT = GENERATION_BYTES;
const DIGEST_LENGTH_AT = LENGTH_AT + 4;
const DIGEST_AT = DIGEST_LENGTH_AT + 1;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** @param {Uint8Array} generation */
export function encodeHeader(generation) {
  return Buffer.concat([MAGIC, generation]);
}

/** @param {import('./short-frames.d.mts').ShortFrame} frame */
export function frameLength({ digest, bytes }) {
  return DIGEST_AT + digest.length + bytes.length;
}

/**
 * @param {Uint8Array} generation
 * @param {import('./short-frames.d.mts').ShortFrame} frame
 */
export function encodeFrame(generation, { digest, bytes }) {
  if (!DIGEST.test(digest)) throw new RangeError('The digest is none that a journal of short files takes.');
  if (bytes.length === 0 || bytes.length > MAX_FILE_BYTES) throw new RangeError('The file is not short.');
  const head = Buffer.alloc(DIGEST_AT);
  head.set(generation);
  head.writeUInt32BE(bytes.length, LENGTH_AT);
  head[DIGEST_LENGTH_AT] = digest.length;
  return Buffer.concat([head, Buffer.from(digest, 'latin1'), bytes]);
}

/** @param {Buffer} segment */
export function* parseFrames(segment) {
  if (segment.length < HEADER_BYTES || !segment.subarray(0, MAGIC.length).equals(MAGIC)) return;
  const generation = segment.subarray(MAGIC.length, HEADER_BYTES);
  for (let at = HEADER_BYTES; ;) {
    const frame = parseFrame(segment.subarray(at), generation);
    if (frame === undefined) return;
    yield { ...frame, at };
    at += frameLength(frame);
  }
}

/**
 * @param {Buffer} rest
 * @param {Buffer} generation
 */
function parseFrame(rest, generation) {
  if (rest.length < DIGEST_AT || !rest.subarray(0, GENERATION_BYTES).equals(generation)) return undefined;
  const bytesAt = DIGEST_AT + (rest[DIGEST_LENGTH_AT] ?? 0);
  const end = bytesAt + rest.readUInt32BE(LENGTH_AT);
  if (end === bytesAt || end - bytesAt > MAX_FILE_BYTES || end > rest.length) return undefined;
  const digest = rest.toString('latin1', DIGEST_AT, bytesAt);
  const bytes = rest.subarray(bytesAt, end);
  if (!DIGEST.test(digest)) return undefined;
  const [algorithm = '', hex] = digest.split(':');
  return createHash(algorithm).update(bytes).digest('hex') === hex ? { digest, bytes } : undefined;
}
