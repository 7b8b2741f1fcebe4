import { createHash, randomBytes } from 'node:crypto';

import { expect, test } from 'vitest';

import { HashThread } from './hash-thread.ts';
import { beginPieceHash } from './piece-hash.ts';
import { PIECE_BYTES, takePiece } from './pieces.ts';

const mainOf = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`);

function pieceOf(bytes: Buffer): Buffer {
  const piece = takePiece();
  bytes.copy(piece);
  return piece.subarray(0, bytes.length);
}

const hexOf = (bytes: Buffer, algorithm = 'sha256'): string =>
  createHash(algorithm).update(bytes).digest('hex');

test('hashes several at once, each its own bytes, and on behind a digest', async () => {
  const thread = new HashThread();
  const contents = [randomBytes(PIECE_BYTES), randomBytes(7)];
  const ids = [thread.begin('sha256'), thread.begin('sha512')] as const;
  await Promise.all(contents.flatMap((bytes) => ids.map((id) => thread.update(id, pieceOf(bytes)))));
  const whole = Buffer.concat(contents);
  expect(await thread.digest(ids[0])).toBe(hexOf(whole));
  expect(await thread.digest(ids[1])).toBe(hexOf(whole, 'sha512'));
  await thread.update(ids[0], pieceOf(Buffer.from('more')));
  expect(await thread.digest(ids[0])).toBe(hexOf(Buffer.concat([whole, Buffer.from('more')])));
});

test('knows nothing of a hash that was let go of', async () => {
  const thread = new HashThread();
  const id = thread.begin('sha256');
  thread.drop(id);
  await expect(thread.digest(id)).rejects.toThrow('not there any more');
});

test.each([
  ['fails', `throw new Error('no memory')`, 'no memory'],
  ['ends', `process.exit()`, undefined],
])('fails whoever waits for a thread that %s, and whoever asks later', async (_how, code, cause) => {
  const thread = new HashThread(mainOf(code));
  const id = thread.begin('sha256');
  const expected = {
    message: 'The thread that hashes uploads has ended.',
    ...(cause !== undefined && { cause: { message: cause } }),
  };
  await expect(thread.update(id, pieceOf(Buffer.from('abc')))).rejects.toMatchObject(expected);
  expect(thread.isAlive).toBe(false);
  await expect(thread.digest(id)).rejects.toMatchObject(expected);
});

test.each([
  ['nothing', []],
  ['a short piece and a whole one', [3, PIECE_BYTES]],
  ['whole pieces and a short one', [PIECE_BYTES, PIECE_BYTES, 5]],
])('gives the digest of %s, here or on the thread', async (_what, lengths) => {
  const hash = beginPieceHash('sha256');
  const contents = lengths.map((length) => randomBytes(length));
  await Promise.all(contents.map((bytes) => hash.update(pieceOf(bytes))));
  expect(hash.isAlive()).toBe(true);
  expect(await hash.digest()).toBe(hexOf(Buffer.concat(contents)));
  hash.drop();
});
