import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { BlobStore, HandingSource } from './blob-store.ts';
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

/** Hands the parts over, one after the other, and then the failure. */
const handing = (
  parts: readonly Buffer[],
  failure?: Error,
): HandingSource & { readonly destroyed: Error[] } => {
  const destroyed: Error[] = [];
  const stopped = Promise.withResolvers<{ failure?: unknown }>();
  return {
    destroyed,
    async handTo(take) {
      for (const part of parts) {
        const shared = Buffer.from(part);
        await take(shared);
        shared.fill(0); // its memory is used for the next
      }
      if (failure?.message === 'never') return stopped.promise;
      return failure === undefined ? {} : { failure };
    },
    destroy(error = new Error('destroyed')) {
      destroyed.push(error);
      stopped.resolve({ failure: error });
    },
  };
};

test('takes what a source hands over, which is written over then', async () => {
  const parts = [randomBytes(10), randomBytes(3 * PIECE), randomBytes(PIECE - 10), randomBytes(7)];
  const hashed = Promise.withResolvers<string>();
  const { received } = await store.appendUpload(ID, 0, handing(parts), { onHashed: hashed.resolve });
  expect(received).toBe(4 * PIECE + 7);
  expect(await hashed.promise).toBe(sha256(Buffer.concat(parts)));
});

test('keeps what a source handed over before it failed, and nothing of one that gives too much', async () => {
  const source = handing([randomBytes(PIECE + 5)], new Error('gone'));
  await expect(store.appendUpload(ID, 0, source)).rejects.toMatchObject({
    ...{ code: 'SOURCE_FAILED', received: PIECE + 5 },
  });
  expect(await store.uploadSize(ID)).toBe(PIECE + 5);
  const appended = store.appendUpload(ID, 0, handing([randomBytes(20)]), { maxBytes: 19 });
  await expect(appended).rejects.toMatchObject({ code: 'TOO_LARGE' });
});

test('waits for a source that hands over no longer than its signal lets it', async () => {
  const stop = new AbortController();
  const source = handing([randomBytes(20)], new Error('never'));
  const appended = store.appendUpload(ID, 0, source, { signal: stop.signal });
  stop.abort();
  await expect(appended).rejects.toMatchObject({ code: 'SOURCE_FAILED', received: 20 });
  expect(source.destroyed).toHaveLength(1);
  const late = handing([randomBytes(20)], new Error('never'));
  await expect(store.appendUpload(ID, 0, late, { signal: stop.signal })).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
  });
});
