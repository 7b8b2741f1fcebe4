import fc from 'fast-check';
import { expect, test } from 'vitest';

import { OciError } from './errors.ts';
import { parseContentRange, parseRange } from './range.ts';

const FULL = { status: 'full' };
const NONE = { status: 'unsatisfiable' };
const part = (start: number, end: number) => ({ status: 'partial', start, end });

test.each([
  { header: undefined, range: FULL },
  { header: 'items=0-1', range: FULL },
  { header: '500-1499', range: FULL },
  { header: 'bytes=500-1499', range: part(500, 1499) },
  { header: 'bytes=500-', range: part(500, 2047) },
  { header: 'bytes=-500', range: part(1548, 2047) },
  { header: 'bytes=-5000', range: part(0, 2047) },
  { header: 'bytes=2000-5000', range: part(2000, 2047) },
  { header: 'bytes=0-0', range: part(0, 0) },
  { header: 'bytes=2047-2047', range: part(2047, 2047) },
  { header: 'Bytes = 1 - 2', range: part(1, 2) },
  { header: 'bytes=0-99999999999999999999999', range: part(0, 2047) },
  { header: 'bytes=500-0', range: NONE },
  { header: 'bytes=2048-', range: NONE },
  { header: 'bytes=5000-10000', range: NONE },
  { header: 'bytes=99999999999999999999999-', range: NONE },
  { header: 'bytes=-0', range: NONE },
  { header: 'bytes=-', range: NONE },
  { header: 'bytes=', range: NONE },
  { header: 'bytes=a-b', range: NONE },
  { header: 'bytes=0-3,5-9', range: NONE },
  { header: `bytes=${'0'.repeat(2000)}-1`, range: NONE },
])('reads $header of 2048 bytes', ({ header, range }) => {
  expect(parseRange(header, 2048)).toEqual(range);
});

test('finds no range in nothing', () => {
  expect(parseRange(undefined, 0)).toEqual(FULL);
  expect(parseRange('bytes=0-', 0)).toEqual(NONE);
  expect(parseRange('bytes=-1', 0)).toEqual(NONE);
});

test('gives a range within the content, or none', () => {
  const header = fc.oneof(fc.string(), fc.stringMatching(/^bytes=[0-9]{0,5}-[0-9]{0,5}$/));
  fc.assert(
    fc.property(header, fc.nat(10_000), (text, size) => {
      const range = parseRange(text, size);
      if (range.status !== 'partial') return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThanOrEqual(range.start);
      expect(range.end).toBeLessThan(size);
    }),
  );
});

test.each([
  { header: '0-1023', start: 0, end: 1023 },
  { header: '1024-2047', start: 1024, end: 2047 },
  { header: 'bytes 0-9/10', start: 0, end: 9 },
  { header: 'bytes=0-9', start: 0, end: 9 },
  { header: ' 5-9/* ', start: 5, end: 9 },
  { header: '10-9', start: 10, end: 9 },
])('reads the Content-Range $header', ({ header, start, end }) => {
  expect(parseContentRange(header)).toEqual({ start, end });
});

test.each(['', '5', '-5', '5-', 'a-b', '10-8', '0--1', '1-2-3', 'items 1-2', '0-9999999999999999'])(
  'refuses the Content-Range %j with 416',
  (header) => {
    expect(() => parseContentRange(header)).toThrow(
      expect.objectContaining({ code: 'BLOB_UPLOAD_INVALID', status: 416 }),
    );
  },
);

test('throws nothing but OciError, whatever Content-Range it reads', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseContentRange(text);
      } catch (error) {
        expect(error).toBeInstanceOf(OciError);
      }
    }),
  );
});
