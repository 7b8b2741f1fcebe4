import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { digestHex, digestOf } from '@dockchains/oci';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { BlobStore, OpenBlob, SetAside } from './blob-store.ts';
import { openFileBlobStore } from './file-blob-store.ts';
import { MAX_SHORT_BYTES } from './short-file.ts';

const BYTES = randomBytes(5000);
const DIGEST = digestOf(BYTES);
const ABSENT = digestOf(Buffer.from('absent'));

let root: string;
let store: BlobStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'blobs-'));
  store = await openFileBlobStore(root);
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

test.each(['sha256', 'sha512'] as const)('stores bytes under their %s digest', async (algorithm) => {
  const digest = digestOf(BYTES, algorithm);
  await store.put(BYTES, digest);
  expect(await store.stat(digest)).toEqual({ size: 5000 });
  expect(await store.read(digest, 5000)).toEqual(BYTES);
  expect(await sent(await store.open(digest))).toEqual(BYTES);
  const hex = digestHex(digest);
  expect(await readdir(join(root, 'blobs', algorithm, hex.slice(0, 2)))).toEqual([hex]);
});

test('stores a blob of no bytes', async () => {
  const digest = digestOf(Buffer.alloc(0));
  await store.put(Buffer.alloc(0), digest);
  expect(await store.stat(digest)).toEqual({ size: 0 });
  expect(await store.read(digest, 0)).toHaveLength(0);
  expect(await sent(await store.open(digest))).toHaveLength(0);
});

test('refuses bytes of another digest', async () => {
  await expect(store.put(BYTES, ABSENT)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(await store.stat(ABSENT)).toBeUndefined();
});

test.each([
  { start: 0, end: 0 },
  { start: 500, end: 1499 },
  { start: 4999, end: 4999 },
  { start: 0, end: 4999 },
])('streams bytes $start to $end', async (range) => {
  await store.put(BYTES, DIGEST);
  expect(await sent(await store.open(DIGEST, range))).toEqual(BYTES.subarray(range.start, range.end + 1));
});

test('streams in pieces of at most 1 MiB', async () => {
  const bytes = randomBytes(3 * (1 << 20) + 1);
  await store.put(bytes, digestOf(bytes));
  const pieces = await piecesOf(await store.open(digestOf(bytes)));
  expect(pieces.map(({ length }) => length)).toEqual([1 << 20, 1 << 20, 1 << 20, 1]);
  expect(Buffer.concat(pieces)).toEqual(bytes);
});

test('sends many blobs side by side, each its own bytes', async () => {
  const blobs = Array.from({ length: 20 }, (_, index) => Buffer.alloc(2_500_000, `blob ${index}`));
  for (const bytes of blobs) await store.put(bytes, digestOf(bytes));
  const received = await Promise.all(blobs.map(async (bytes) => sent(await store.open(digestOf(bytes)))));
  expect(received.every((bytes, index) => blobs[index]?.equals(bytes))).toBe(true);
});

test('stops sending when the sink closes', async () => {
  const bytes = randomBytes(3 << 20);
  await store.put(bytes, digestOf(bytes));
  await using blob = await store.open(digestOf(bytes));
  const sink = new Writable({
    write: () => {
      sink.destroy();
    },
  });
  expect(await blob.sendTo(sink)).toBe(false);
});

test('fails to send a blob that is shorter than the range it was asked for', async () => {
  await store.put(BYTES, DIGEST);
  const blob = await store.open(DIGEST, { start: 0, end: 5000 });
  await expect(sent(blob)).rejects.toMatchObject({ code: 'IO' });
});

test('says of an absent blob that it is unknown', async () => {
  expect(await store.stat(ABSENT)).toBeUndefined();
  await expect(store.open(ABSENT)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
  await expect(store.read(ABSENT, 10)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
  expect(await store.setAside(ABSENT)).toBeUndefined();
});

test('refuses to read more than the caller takes', async () => {
  await store.put(BYTES, DIGEST);
  await expect(store.read(DIGEST, 4999)).rejects.toMatchObject({ code: 'TOO_LARGE' });
});

const setAside = async (digest = DIGEST): Promise<SetAside> => {
  const aside = await store.setAside(digest);
  if (aside === undefined) throw new Error('The blob was not set aside.');
  return aside;
};

test('lets an open blob be read to its end after it was removed', async () => {
  await store.put(BYTES, DIGEST);
  const blob = await store.open(DIGEST);
  await store.discard(await setAside());
  expect(await sent(blob)).toEqual(BYTES);
  expect(await store.stat(DIGEST)).toBeUndefined();
  expect(await store.listSetAside()).toEqual([]);
});

test('puts back what was set aside, and lists it until then', async () => {
  // Of a short one a journal may have to tell at the next opening.
  const long = randomBytes(MAX_SHORT_BYTES + 1);
  const digest = digestOf(long);
  await store.put(long, digest);
  const aside = await setAside(digest);
  expect(await store.stat(digest)).toBeUndefined();
  expect(await (await openFileBlobStore(root)).listSetAside()).toEqual([aside]);
  await store.restore(aside);
  expect(await store.read(digest, long.length)).toEqual(long);
  expect(await store.listSetAside()).toEqual([]);
});

test('tells collection of a short blob that was deleted not long before the opening', async () => {
  await store.put(BYTES, DIGEST);
  await store.discard(await setAside());
  const again = await openFileBlobStore(root);
  expect(await again.listSetAside()).toMatchObject([{ digest: DIGEST, size: 5000 }]);
});

test('restores and discards again without harm, and leaves what was stored anew', async () => {
  await store.put(BYTES, DIGEST);
  const first = await setAside();
  await store.put(BYTES, DIGEST);
  const second = await setAside();
  await store.put(BYTES, DIGEST);
  await store.restore(first);
  await store.restore(first);
  await store.discard(second);
  await store.discard(second);
  await store.restore(second);
  expect(await store.read(DIGEST, 5000)).toEqual(BYTES);
  expect(await store.listSetAside()).toEqual([]);
});

test('refuses a key that leads elsewhere', async () => {
  const aside = { key: '../blobs', digest: DIGEST, size: 1 };
  await expect(store.discard(aside)).rejects.toMatchObject({ code: 'KEY_INVALID' });
});

test('stores one blob for many that put it at once, from several openings of the folder', async () => {
  const stores = [store, await openFileBlobStore(root), await openFileBlobStore(root)];
  await Promise.all(stores.flatMap((one) => [one.put(BYTES, DIGEST), one.put(BYTES, DIGEST)]));
  expect(await store.read(DIGEST, 5000)).toEqual(BYTES);
  expect(await readdir(join(root, 'tmp'))).toEqual([]);
});

test('mends a blob that a crash has left short', async () => {
  const hex = digestHex(DIGEST);
  await store.put(BYTES, DIGEST);
  await writeFile(join(root, 'blobs/sha256', hex.slice(0, 2), hex), 'short');
  await store.put(BYTES, DIGEST);
  expect(await store.read(DIGEST, 5000)).toEqual(BYTES);
});

test('sweeps temporary files of dead processes, not those of living ones', async () => {
  const now = new Date('2026-01-01T12:00:00Z');
  for (const [name, minutes] of [
    ['old', 61],
    ['young', 59],
  ] as const) {
    const path = join(root, 'tmp', name);
    const time = new Date(now.getTime() - minutes * 60_000);
    await writeFile(path, 'half');
    await utimes(path, time, time);
  }
  await openFileBlobStore(root, now);
  expect(await readdir(join(root, 'tmp'))).toEqual(['young']);
});

test('leaves nothing behind when a blob cannot be put into place', async () => {
  await rm(join(root, 'blobs'), { recursive: true, force: true });
  await writeFile(join(root, 'blobs'), 'in the way');
  await expect(store.put(BYTES, DIGEST)).rejects.toMatchObject({ code: 'IO', cause: { code: 'ENOTDIR' } });
  expect(await readdir(join(root, 'tmp'))).toEqual([]);
});

test('has what a process that is gone had acknowledged, though nothing of it was put to its place', async () => {
  await killedAfterPut('no place');
  expect(await store.stat(DIGEST)).toBeUndefined();
  const again = await openFileBlobStore(root);
  expect(await again.read(DIGEST, 5000)).toEqual(BYTES);
  expect(await again.listSetAside()).toMatchObject([{ digest: DIGEST, size: 5000 }]);
});

test('shows collection what was removed and comes back from a journal', async () => {
  await killedAfterPut('place');
  const aside = await setAside();
  await store.discard(aside);
  const again = await openFileBlobStore(root);
  expect(await again.stat(DIGEST)).toEqual({ size: 5000 });
  const [shown] = await again.listSetAside();
  expect(shown).toMatchObject({ digest: DIGEST, size: 5000 });
});

test('shows collection nothing of what is where it belongs', async () => {
  await killedAfterPut('place');
  const again = await openFileBlobStore(root);
  expect(await again.read(DIGEST, 5000)).toEqual(BYTES);
  expect(await again.listSetAside()).toEqual([]);
});

test('opens a folder of before there were journals', async () => {
  await store.put(BYTES, DIGEST);
  await rm(join(root, 'journal'), { recursive: true });
  const again = await openFileBlobStore(root);
  expect(await again.read(DIGEST, 5000)).toEqual(BYTES);
  expect(await readdir(join(root, 'journal'))).toEqual([]);
});

test('does not open while a journal can’t be read', async () => {
  await mkdir(join(root, 'journal', 'a-folder'));
  await expect(openFileBlobStore(root)).rejects.toMatchObject({ code: 'IO' });
});

test('makes its folder with the parents', async () => {
  const deep = await openFileBlobStore(join(root, 'a/b/c'));
  await deep.put(BYTES, DIGEST);
  expect(await readdir(join(root, 'a/b/c'))).toEqual(['blobs', 'journal', 'removed', 'tmp', 'uploads']);
});

/** A process that writes the blob to its journal, puts it to its place or not, and kills itself. */
async function killedAfterPut(step: 'place' | 'no place'): Promise<void> {
  const code = `
    import { placeFile } from ${JSON.stringify(new URL('short-files.mjs', import.meta.url))};
    import { ShortJournal } from ${JSON.stringify(new URL('short-journal.mjs', import.meta.url))};
    const frame = { digest: ${JSON.stringify(DIGEST)}, bytes: Buffer.from('${BYTES.toString('hex')}', 'hex') };
    const root = ${JSON.stringify(root)};
    new ShortJournal(root).append([frame], 0);
    if (${step === 'place'}) placeFile(root, frame);
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
}

async function sent(blob: OpenBlob): Promise<Buffer> {
  return Buffer.concat(await piecesOf(blob));
}

/** What a sink gets; copied, since it is written over afterwards. */
async function piecesOf(blob: OpenBlob): Promise<Buffer[]> {
  await using opened = blob;
  const pieces: Buffer[] = [];
  const sink = new Writable({
    write: (piece: Buffer, _encoding, taken) => {
      pieces.push(Buffer.from(piece));
      taken();
    },
  });
  expect(await opened.sendTo(sink)).toBe(true);
  return pieces;
}
