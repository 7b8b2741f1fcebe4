import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import { expect, test } from 'vitest';

import { drainSource } from './drain-source.ts';
import { receiveShort } from './receive-short.ts';

const bytes = randomBytes(1000);
const inPieces = (length: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
    bytes.subarray(index * length, (index + 1) * length),
  );

async function* breaking(): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
  throw new Error('aborted');
}

test.each([1, 300, 1000])('takes a source that ends within the limit, in pieces of %d', async (length) => {
  expect(await receiveShort(Readable.from(inPieces(length)), 1000)).toEqual({ bytes });
});

test('takes a source of nothing', async () => {
  expect(await receiveShort(Readable.from([]), 0)).toEqual({ bytes: Buffer.alloc(0) });
});

test.each([1, 300, 1000])('gives back what is longer with what it read, in pieces of %d', async (length) => {
  const short = await receiveShort(Readable.from(inPieces(length)), 999);
  if (!('rest' in short)) expect.fail('It was taken for short.');
  const got = [short.head];
  const ended = await drainSource(short.rest, undefined, (chunk) => void got.push(chunk));
  expect(ended).toEqual({});
  expect(Buffer.concat(got)).toEqual(bytes);
});

test('takes no more of a longer one than it needs, and has it wait', async () => {
  const source = new PassThrough();
  source.write(bytes);
  const short = await receiveShort(source, 999);
  source.end(bytes);
  expect(short).toEqual({ head: bytes, rest: source });
  expect(source.isPaused()).toBe(true);
  expect(await buffer(source)).toEqual(bytes);
});

test('keeps what a source gave before it failed', async () => {
  expect(await receiveShort(breaking(), 1000)).toMatchObject({
    bytes,
    failure: { code: 'SOURCE_FAILED', received: 1000, cause: { message: 'aborted' } },
  });
});

test('refuses what is no buffer', async () => {
  await expect(receiveShort(Readable.from(['text']), 1000)).rejects.toMatchObject({ code: 'IO' });
});
