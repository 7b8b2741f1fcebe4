import { randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, symlink, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';

import { digestOf } from '@dockchains/oci';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { BlobStore } from './blob-store.ts';
import { openFileBlobStore } from './file-blob-store.ts';

const ID = 'upload-1';

let root: string;
let store: BlobStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'uploads-'));
  store = await openFileBlobStore(root);
  await store.createUpload(ID);
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

const from = (...parts: (string | Buffer)[]): Readable =>
  Readable.from(parts.map((part) => Buffer.from(part)));
const onDisk = (): Promise<string> => readFile(join(root, 'uploads', ID), 'utf8');

async function* breaking(...parts: string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield await Promise.resolve(Buffer.from(part));
  throw new Error('aborted');
}

test.each(['sha256', 'sha512'] as const)(
  'makes a blob of the chunks of an upload, by %s',
  async (algorithm) => {
    expect(await store.appendUpload(ID, 0, from('ab', 'c'))).toEqual({ received: 3 });
    expect(await store.appendUpload(ID, 3, from('def'))).toEqual({ received: 3 });
    const digest = digestOf(Buffer.from('abcdef'), algorithm);
    expect(await store.commitUpload(ID, digest)).toEqual({ size: 6 });
    expect((await store.read(digest, 6)).toString()).toBe('abcdef');
    expect(await store.uploadSize(ID)).toBeUndefined();
  },
);

test('hashes sha512 while it is written, where that is what will be asked', async () => {
  await store.createUpload('other', 'sha512');
  await store.appendUpload('other', 0, from('abc'));
  const digest = digestOf(Buffer.from('abc'), 'sha512');
  expect(await store.commitUpload('other', digest)).toEqual({ size: 3 });
});

test('makes a blob of no bytes', async () => {
  expect(await store.appendUpload(ID, 0, from())).toEqual({ received: 0 });
  expect(await store.commitUpload(ID, digestOf(Buffer.alloc(0)))).toEqual({ size: 0 });
});

test('goes on with an upload after a restart', async () => {
  await store.appendUpload(ID, 0, from('abc'));
  const restarted = await openFileBlobStore(root);
  expect(await restarted.uploadSize(ID)).toBe(3);
  await restarted.appendUpload(ID, 3, from('def'));
  expect(await restarted.commitUpload(ID, digestOf(Buffer.from('abcdef')))).toEqual({ size: 6 });
});

test('begins with bytes that it has already, and writes some ahead of the source', async () => {
  await store.createUpload('begun', 'sha256', Buffer.from('ab'));
  expect(await store.uploadSize('begun')).toBe(2);
  const head = Buffer.from('cd');
  expect(await store.appendUpload('begun', 2, from('ef'), { head })).toEqual({ received: 4 });
  const tooLong = store.appendUpload('begun', 6, from('g'), { head, maxBytes: 1 });
  await expect(tooLong).rejects.toMatchObject({ code: 'TOO_LARGE' });
  expect(await store.commitUpload('begun', digestOf(Buffer.from('abcdef')))).toEqual({ size: 6 });
});

test('keeps what was read ahead of a source that is broken off before it is read on', async () => {
  const source = new PassThrough();
  source.on('error', () => undefined).destroy(new Error('aborted'));
  await expect(store.appendUpload(ID, 0, source, { head: Buffer.from('abc') })).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
    received: 3,
  });
  expect(await onDisk()).toBe('abc');
});

test('cuts off what a crash has left behind the offset', async () => {
  await store.appendUpload(ID, 0, from('abc'));
  await appendFile(join(root, 'uploads', ID), 'never acknowledged');
  await store.appendUpload(ID, 3, from());
  expect(await onDisk()).toBe('abc');
  expect(await store.commitUpload(ID, digestOf(Buffer.from('abc')))).toEqual({ size: 3 });
});

test('makes a blob of long chunks that end anywhere', async () => {
  const bytes = randomBytes((5 << 20) + 77);
  let offset = 0;
  for (const end of [4096, (1 << 20) + 1, 3 << 20, bytes.length]) {
    await store.appendUpload(ID, offset, from(bytes.subarray(offset, end)));
    offset = end;
  }
  const digest = digestOf(bytes);
  expect(await store.commitUpload(ID, digest)).toEqual({ size: bytes.length });
  expect((await store.read(digest, bytes.length)).equals(bytes)).toBe(true);
});

test('writes again from an earlier offset', async () => {
  await store.appendUpload(ID, 0, from('abcdef'));
  await store.appendUpload(ID, 3, from('x'));
  expect(await onDisk()).toBe('abcx');
  expect(await store.commitUpload(ID, digestOf(Buffer.from('abcx')))).toEqual({ size: 4 });
});

test.each([-1, 4, 1.5, NaN])('refuses offset %d of an upload of 3 bytes, which stays', async (offset) => {
  await store.appendUpload(ID, 0, from('abc'));
  await expect(store.appendUpload(ID, offset, from('x'))).rejects.toMatchObject({ code: 'OFFSET_INVALID' });
  expect(await onDisk()).toBe('abc');
});

test('tells, while a source goes on, up to where the upload can be read', async () => {
  const bytes = randomBytes(5 * 2 ** 20 + 17);
  const source = new PassThrough();
  const told: number[] = [];
  const appended = store.appendUpload(ID, 0, source, { onReadable: (received) => told.push(received) });
  source.write(bytes.subarray(0, -17));
  await expect.poll(() => told.at(-1)).toBe(5 * 2 ** 20);
  await using part = await store.openUpload(ID, { start: 0, end: 5 * 2 ** 20 - 1 });
  const read: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      read.push(Buffer.from(chunk)); // its memory is used again
      done();
    },
  });
  expect(await part.sendTo(sink)).toBe(true);
  expect(bytes.subarray(0, -17).equals(Buffer.concat(read))).toBe(true);
  source.end(bytes.subarray(-17));
  expect(await appended).toEqual({ received: bytes.length });
  expect(told).toEqual(told.toSorted((a, b) => a - b));
});

test('leaves the upload as it was when the digest is another', async () => {
  await store.appendUpload(ID, 0, from('abc'));
  const wrong = digestOf(Buffer.from('abd'));
  await expect(store.commitUpload(ID, wrong)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(await store.stat(wrong)).toBeUndefined();
  await store.appendUpload(ID, 3, from('d'));
  expect(await store.commitUpload(ID, digestOf(Buffer.from('abcd')))).toEqual({ size: 4 });
});

test('drops the upload of a blob that is there already', async () => {
  const bytes = Buffer.from('abc');
  await store.put(bytes, digestOf(bytes));
  await store.appendUpload(ID, 0, from(bytes));
  expect(await store.commitUpload(ID, digestOf(bytes))).toEqual({ size: 3 });
  expect(await readdir(join(root, 'uploads'))).toEqual([]);
});

test('makes one blob of many uploads of it at once', async () => {
  const bytes = randomBytes(100_000);
  const ids = Array.from({ length: 8 }, (_, index) => `same-${index}`);
  await Promise.all(
    ids.map(async (id) => {
      await store.createUpload(id);
      await store.appendUpload(id, 0, from(bytes));
      await store.commitUpload(id, digestOf(bytes));
    }),
  );
  expect(await store.read(digestOf(bytes), bytes.length)).toEqual(bytes);
});

test('keeps and counts what a sender gave before it broke off', async () => {
  await store.appendUpload(ID, 0, from('abc'));
  await expect(store.appendUpload(ID, 3, breaking('de', 'f'))).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
    received: 3,
    cause: { message: 'aborted' },
  });
  expect(await store.uploadSize(ID)).toBe(6);
  expect(await store.commitUpload(ID, digestOf(Buffer.from('abcdef')))).toEqual({ size: 6 });
});

test('stops waiting for a sender that has gone silent', async () => {
  const source = new PassThrough();
  const abort = new AbortController();
  source.write('abc');
  source.once('drain', () => {
    abort.abort();
  });
  source.write(Buffer.alloc(100_000)); // what the store takes lets this drain
  await expect(store.appendUpload(ID, 0, source, { signal: abort.signal })).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
  });
});

test('refuses more than the limit, gives the space back and leaves the sender open', async () => {
  await store.appendUpload(ID, 0, from('abc'));
  const source = from('defg', 'hij', 'and more');
  await expect(store.appendUpload(ID, 3, source, { maxBytes: 6 })).rejects.toMatchObject({
    code: 'TOO_LARGE',
  });
  expect(source.destroyed).toBe(false);
  expect(await onDisk()).toBe('abc');
  expect(await store.appendUpload(ID, 3, from('defghi'), { maxBytes: 6 })).toEqual({ received: 6 });
});

test('lets one request at a time write an upload', async () => {
  const source = new PassThrough();
  const first = store.appendUpload(ID, 0, source);
  await expect(store.appendUpload(ID, 0, from('x'))).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
  await expect(store.commitUpload(ID, digestOf(Buffer.from('x')))).rejects.toMatchObject({
    code: 'UPLOAD_BUSY',
  });
  await expect(store.cancelUpload(ID)).rejects.toMatchObject({ code: 'UPLOAD_BUSY' });
  source.end('abc');
  expect(await first).toEqual({ received: 3 });
});

test('knows nothing of an upload that was cancelled or never begun', async () => {
  expect(await store.cancelUpload(ID)).toBe(true);
  expect(await store.cancelUpload(ID)).toBe(false);
  expect(await store.uploadSize(ID)).toBeUndefined();
  const digest = digestOf(Buffer.from('x'));
  await expect(store.appendUpload(ID, 0, from('x'))).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' });
  await expect(store.commitUpload(ID, digest)).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' });
});

test('lists the uploads there are', async () => {
  await store.createUpload('second');
  await store.appendUpload('second', 0, from('abc'));
  const found = (await store.listUploads()).sort((a, b) => a.size - b.size);
  expect(found.map(({ id, size }) => ({ id, size }))).toEqual([
    { id: ID, size: 0 },
    { id: 'second', size: 3 },
  ]);
  expect(found[0]?.modified).toBeInstanceOf(Date);
});

test('gives a range of what an upload has, and none of an upload that is gone', async () => {
  await store.appendUpload(ID, 0, from('abcdef'));
  const sink = new PassThrough();
  await using opened = await store.openUpload(ID, { start: 1, end: 3 });
  await store.commitUpload(ID, digestOf(Buffer.from('abcdef')));
  expect(await opened.sendTo(sink)).toBe(true);
  expect(String(sink.read())).toBe('bcd');
  await expect(store.openUpload(ID, { start: 0, end: 0 })).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' });
});

test('begins no upload twice', async () => {
  await expect(store.createUpload(ID)).rejects.toMatchObject({ code: 'UPLOAD_EXISTS' });
});

test.each(['', '..', 'a/b', '../x', 'a'.repeat(129), 'ä'])('refuses the upload id %j', async (id) => {
  await expect(store.createUpload(id)).rejects.toMatchObject({ code: 'KEY_INVALID' });
  await expect(store.cancelUpload(id)).rejects.toMatchObject({ code: 'KEY_INVALID' });
});

test('says that there is no space left', async () => {
  await symlink('/dev/full', join(root, 'uploads', 'full'));
  await expect(store.appendUpload('full', 0, from('x'))).rejects.toMatchObject({
    code: 'NO_SPACE',
    cause: { code: 'ENOSPC' },
  });
});

test('gathers tiny chunks and holds a few MiB of 64 at most', async () => {
  const piece = randomBytes(1 << 16);
  let given = 0;
  let most = 0;
  async function* source(): AsyncGenerator<Buffer> {
    for (let index = 0; index < 1024; index++) {
      given += piece.length;
      const written = (await store.uploadSize(ID)) ?? 0;
      most = Math.max(most, given - written);
      yield piece;
    }
    for (const byte of piece.subarray(0, 5000)) yield Buffer.of(byte);
  }
  expect(await store.appendUpload(ID, 0, source())).toEqual({ received: (64 << 20) + 5000 });
  expect(most).toBeLessThan(5 << 20);
  const whole = Buffer.concat([...Array.from({ length: 1024 }, () => piece), piece.subarray(0, 5000)]);
  expect(await store.commitUpload(ID, digestOf(whole))).toEqual({ size: whole.length });
});

test.each(['at its next chunk', 'when it is committed'])(
  'a gateway notices %s that another wrote other bytes over those it remembers',
  async (when) => {
    await store.appendUpload(ID, 0, from('abc'));
    await store.appendUpload(ID, 3, from('not counted'));
    const other = await openFileBlobStore(root);
    await other.appendUpload(ID, 3, from('the others!'));
    // Old kernels count in steps of 4 ms, which no two requests share.
    await utimes(join(root, 'uploads', ID), new Date(), new Date(Date.now() + 10));
    const parts = when === 'at its next chunk' ? ['abcthe others!', 'end'] : ['abcthe others!'];
    if (parts[1] !== undefined) await store.appendUpload(ID, 14, from(parts[1]));
    const wrong = digestOf(Buffer.from(`abcnot counted${parts[1] ?? ''}`));
    await expect(store.commitUpload(ID, wrong)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await store.commitUpload(ID, digestOf(Buffer.from(parts.join(''))));
  },
);

test('what is forgotten of an upload is read again when it is committed', async () => {
  await store.appendUpload(ID, 0, from('abc'));
  store.forgetUpload(ID);
  expect(await store.commitUpload(ID, digestOf(Buffer.from('abc')))).toEqual({ size: 3 });
});
