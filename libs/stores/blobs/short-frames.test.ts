import { createHash, randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  encodeFrame,
  encodeHeader,
  frameLength,
  GENERATION_BYTES,
  HEADER_BYTES,
  MAX_FILE_BYTES,
  parseFrames,
  type ShortFrame,
} from './short-frames.mjs';

const frameOf = (bytes: Uint8Array, algorithm = 'sha256'): ShortFrame => ({
  digest: `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`,
  bytes,
});
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const segmentOf = (
  frames: readonly ShortFrame[],
  generation: Uint8Array = randomBytes(GENERATION_BYTES),
): Buffer =>
  Buffer.concat([encodeHeader(generation), ...frames.map((frame) => encodeFrame(generation, frame))]);
const contentsOf = (segment: Buffer): ShortFrame[] =>
  Array.from(parseFrames(segment), ({ digest, bytes }) => ({ digest, bytes: Uint8Array.from(bytes) }));

const frames = fc.array(
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.constantFrom('sha256', 'sha512'))
    .map((one) => frameOf(...one)),
  { minLength: 1, maxLength: 4 },
);

test('gives back what was written, whatever is behind it', () => {
  fc.assert(
    fc.property(frames, fc.uint8Array({ maxLength: 200 }), (written, rest) => {
      const segment = segmentOf(written);
      expect(contentsOf(Buffer.concat([segment, rest]))).toEqual(written);
      expect(HEADER_BYTES + written.reduce((sum, frame) => sum + frameLength(frame), 0)).toBe(segment.length);
    }),
  );
});

test('ends where the segment was cut off or never written, at every byte', () => {
  const written = [frameOf(bytesOf('one')), frameOf(bytesOf('two'), 'sha512'), frameOf(bytesOf('three'))];
  const segment = segmentOf(written);
  const ends = written.map((_, index) => segmentOf(written.slice(0, index + 1)).length);
  for (let length = 0; length < segment.length; length += 1) {
    const whole = written.slice(0, ends.filter((end) => end <= length).length);
    expect(contentsOf(segment.subarray(0, length))).toEqual(whole);
    const torn = Buffer.concat([segment.subarray(0, length), Buffer.alloc(segment.length - length)]);
    // Zeros that were to be zeros are no loss.
    if (!torn.equals(segment)) expect(contentsOf(torn)).toEqual(whole);
  }
});

test('gives nothing that has a flipped bit', () => {
  fc.assert(
    fc.property(frames, fc.nat(), fc.nat(7), (written, place, bit) => {
      const segment = segmentOf(written);
      const at = place % segment.length;
      segment[at] = (segment[at] ?? 0) ^ (1 << bit);
      const found = contentsOf(segment);
      expect(found.length).toBeLessThan(written.length);
      expect(found).toEqual(written.slice(0, found.length));
    }),
  );
});

test('takes no frame of an earlier use for one of this', () => {
  fc.assert(
    fc.property(frames, frames, (earlier, later) => {
      const [before, now] = [segmentOf(earlier), segmentOf(later)];
      const written = Buffer.concat([now, before.subarray(now.length)]);
      expect(contentsOf(written)).toEqual(later);
      // Where the frames of both end at the same byte the next one is whole, and of the earlier use.
      const same = segmentOf([...later, ...earlier], randomBytes(GENERATION_BYTES));
      now.copy(same);
      expect(contentsOf(same)).toEqual(later);
    }),
  );
});

test.each([
  ['no digest', { digest: 'sha256:../..', bytes: Buffer.from('a') }],
  ['another algorithm', { digest: `sha1:${'0'.repeat(64)}`, bytes: Buffer.from('a') }],
  ['no bytes', frameOf(Buffer.alloc(0))],
  ['too many bytes', frameOf(Buffer.alloc(MAX_FILE_BYTES + 1))],
])('refuses %s', (_what, frame) => {
  expect(() => encodeFrame(randomBytes(GENERATION_BYTES), frame)).toThrow(RangeError);
});

test('takes files of up to 64 KiB', () => {
  const written = [1, MAX_FILE_BYTES].map((length) => frameOf(Uint8Array.from(randomBytes(length))));
  expect(contentsOf(segmentOf(written))).toEqual(written);
});
