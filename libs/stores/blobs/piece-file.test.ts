import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { PieceFile } from './piece-file.ts';
import { PIECE_BYTES, recyclePiece, takePiece } from './pieces.ts';

let root: string;
let path: string;
let file: FileHandle;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pieces-'));
  path = join(root, 'file');
  file = await open(path, 'wx+');
});

afterEach(async () => {
  await file.close();
  await rm(root, { recursive: true });
});

function pieceOf(bytes: Buffer): Buffer {
  const piece = takePiece();
  bytes.copy(piece);
  return piece.subarray(0, bytes.length);
}

test.each([
  ['whole pieces', [0, PIECE_BYTES, 2 * PIECE_BYTES]],
  ['an end that is no piece', [0, PIECE_BYTES, PIECE_BYTES + 5]],
  ['a beginning within a piece', [0, 5, PIECE_BYTES, 2 * PIECE_BYTES]],
  ['pieces that lie across boundaries', [0, 5, PIECE_BYTES + 5, 2 * PIECE_BYTES + 5]],
])('writes %s at once', async (_what, bounds) => {
  const content = randomBytes(bounds.at(-1) ?? 0);
  const pieces = new PieceFile(path, file);
  await Promise.all(
    bounds.slice(1).map(async (end, index) => {
      const start = bounds[index] ?? 0;
      const piece = pieceOf(content.subarray(start, end));
      await pieces.write(piece, start);
      recyclePiece(piece);
    }),
  );
  await pieces.close();
  expect((await readFile(path)).equals(content)).toBe(true);
});

test('writes memory that the disk takes nothing from through the cache', async () => {
  const content = randomBytes(2 * PIECE_BYTES + 1).subarray(1);
  const pieces = new PieceFile(path, file);
  await pieces.write(content.subarray(0, PIECE_BYTES), 0);
  await pieces.write(content.subarray(PIECE_BYTES), PIECE_BYTES);
  await pieces.close();
  expect((await readFile(path)).equals(content)).toBe(true);
});

test('says that a file can’t be written past the cache', async () => {
  await rm(path);
  const pieces = new PieceFile(path, file);
  await expect(pieces.write(takePiece(), 0)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(pieces.close()).rejects.toMatchObject({ code: 'ENOENT' });
});
