import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { BlobStore } from './blob-store.ts';
import { openFileBlobStore } from './file-blob-store.ts';

const ID = 'upload-1';
const PIECE = 2 ** 20;

let root: string;
let store: BlobStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'append-'));
  store = await openFileBlobStore(root);
  await store.createUpload(ID);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('gives on what it receives, in order and before the source has ended, and leaves it as it is while it is held', async () => {
  const bytes = randomBytes(6 * PIECE + 17);
  const source = new PassThrough();
  const parts: { start: number; bytes: Buffer }[] = [];
  const held = Promise.withResolvers<undefined>();
  const onReceived = (part: Buffer, start: number): Promise<void> => {
    parts.push({ start, bytes: part });
    return held.promise;
  };
  const appended = store.appendUpload(ID, 0, source, { onReceived });
  source.write(bytes.subarray(0, -17));
  await expect.poll(() => parts.length).toBe(6);
  source.end(bytes.subarray(-17));
  expect(await appended).toEqual({ received: bytes.length }); // it waits for nobody who holds a part
  expect(parts.map(({ start }) => start)).toEqual([0, 1, 2, 3, 4, 5, 6].map((piece) => piece * PIECE));
  expect(Buffer.concat(parts.map((part) => part.bytes)).equals(bytes)).toBe(true);
  held.resolve(undefined);
});

test('says where the parts of a later append are in the upload', async () => {
  await store.appendUpload(ID, 0, Readable.from([randomBytes(100)]));
  const starts: number[] = [];
  const onReceived = (_bytes: Buffer, start: number): undefined => void starts.push(start);
  await store.appendUpload(ID, 100, Readable.from([randomBytes(PIECE)]), { onReceived });
  expect(starts).toEqual([100, PIECE]);
});

test('tells the hash of all the upload’s bytes once a source has ended', async () => {
  const [first, second] = [randomBytes(PIECE + 5), randomBytes(PIECE)];
  const hashes: string[] = [];
  const onHashed = (hex: string): void => void hashes.push(hex);
  await store.appendUpload(ID, 0, Readable.from([first]), { onHashed });
  await store.appendUpload(ID, first.length, Readable.from([second]), { onHashed });
  await expect.poll(() => hashes).toEqual([sha256(first), sha256(Buffer.concat([first, second]))]);
});

test('tells no hash of a source that broke off, nor of bytes that it has not seen', async () => {
  const onHashed = vi.fn();
  const broken = new PassThrough();
  const onReceived = (): undefined => void broken.destroy(new Error('gone'));
  const appended = store.appendUpload(ID, 0, broken, { onHashed, onReceived });
  broken.write(randomBytes(PIECE));
  await expect(appended).rejects.toMatchObject({ code: 'SOURCE_FAILED', received: PIECE });
  const restarted = await openFileBlobStore(root);
  await restarted.appendUpload(ID, PIECE, Readable.from([Buffer.from('def')]), { onHashed });
  expect(onHashed).not.toHaveBeenCalled();
});
