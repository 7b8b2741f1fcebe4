import { OciError } from './errors.ts';

/** What a Range header asks of content: all of it, bytes `start` to `end` inclusive, or something that is answered 416. */
export type ByteRange =
  { status: 'full' } | { status: 'partial'; start: number; end: number } | { status: 'unsatisfiable' };

/** Where a chunk of an upload says it lies: byte offsets, both inclusive; `end` is `start - 1` for an empty one. */
export type ContentRange = { start: number; end: number };

const MAX_HEADER = 1024;

/**
 * Reads a Range header for content of `size` bytes (RFC 9110 §14.2), clamping the end. Several ranges, and whatever is not understood behind
 * `bytes=`, are unsatisfiable instead of ignored: lazy pullers fall back to single ranges on an error, and read a layer whole on a silent 200.
 */
export function parseRange(header: string | undefined, size: number): ByteRange {
  if (header === undefined || !/^bytes\s*=/i.test(header)) return { status: 'full' };
  const spec = header.length > MAX_HEADER ? undefined : /^bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header);
  const [, first = '', last = ''] = spec ?? [];
  if (first === '') return suffix(last, size);
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || end < start) return { status: 'unsatisfiable' };
  return { status: 'partial', start, end };
}

function suffix(text: string, size: number): ByteRange {
  const length = text === '' ? 0 : Number(text);
  if (length === 0 || size === 0) return { status: 'unsatisfiable' };
  return { status: 'partial', start: Math.max(0, size - length), end: size - 1 };
}

/**
 * Reads the Content-Range of a chunk, `start-end` without unit (distribution-spec, Pushing a blob in chunks); `bytes ` in front and `/size` behind are
 * tolerated. Check `start` against the upload and take the length from the body: some clients send an end that is off by one.
 * @throws OciError BLOB_UPLOAD_INVALID with status 416
 */
export function parseContentRange(header: string): ContentRange {
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(
    header.trim().slice(0, 80),
  );
  const [, first, last] = match ?? [];
  const start = Number(first);
  const end = Number(last);
  if (first === undefined || last === undefined || end < start - 1) {
    throw new OciError('BLOB_UPLOAD_INVALID', 'The Content-Range must be "<first byte>-<last byte>".', {
      status: 416,
      detail: { contentRange: header.slice(0, 80) },
    });
  }
  return { start, end };
}
