import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';

import { type BlobStore, BlobStoreError, openFileBlobStore } from '@dockchains/blobs';
import type { Session } from '@dockchains/client';
import { digestOf, OciError, parseRepositoryName } from '@dockchains/oci';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { BlobFetch } from './blob-fetch.ts';
import type { Holder } from './holders.ts';

const MIB = 2 ** 20;
const UPLOAD = 'fetch-1';
const PATIENCE = { timeout: 60_000, interval: 5 };

let root: string;
let blobs: BlobStore;
let bytes: Buffer;
/** What each holder sends, one after the other. */
let bodies: PassThrough[];
let ranges: (string | undefined)[];
let commit: (id: string) => Promise<void>;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'blob-fetch-'));
  blobs = await openFileBlobStore(root);
  bytes = randomBytes(20 * MIB);
  bodies = [];
  ranges = [];
  commit = async (id) => {
    await blobs.commitUpload(id, digestOf(bytes)).catch((error: unknown) => {
      if (!(error instanceof BlobStoreError) || error.code !== 'DIGEST_MISMATCH') throw error;
      throw new OciError('DIGEST_INVALID', 'other bytes');
    });
  };
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const holder = (): Holder => {
  const session: Pick<Session, 'url' | 'stream'> = {
    url: 'http://globex.example',
    stream: ({ headers }) => {
      const body = new PassThrough();
      bodies.push(body);
      ranges.push(headers?.range);
      return Promise.resolve({
        status: headers?.range === undefined ? 200 : 206,
        headers: new Headers(),
        body,
      });
    },
  };
  return {
    ...{ organisation: 'globex.example', isOrigin: true, repository: parseRepositoryName('app') },
    session: session as Session,
  };
};

const start = (holders = [holder()], avoid: (holder: Holder) => void = () => undefined): BlobFetch =>
  new BlobFetch(
    { digest: digestOf(bytes), size: bytes.length },
    {
      ...{ blobs, via: 'acme.example', uploadId: UPLOAD, holders, avoid },
      commit: (id) => commit(id),
    },
  );

/** Somebody who takes what he is sent, once the gate is open. */
const openReader = (gate: Promise<unknown> = Promise.resolve()) => {
  const chunks: Buffer[] = [];
  let length = 0;
  const sink = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, callback) {
      void gate.then(() => {
        chunks.push(Buffer.from(chunk)); // its memory is used again
        length += chunk.length;
        callback();
      });
    },
  });
  return { sink, length: () => length, all: () => Buffer.concat(chunks) };
};

const read = async (fetch: BlobFetch, reader: ReturnType<typeof openReader>): Promise<boolean> => {
  await using opened = await fetch.open({ start: 0, end: fetch.size - 1 });
  return await opened.sendTo(reader.sink);
};

const bodyOf = (index: number): Promise<PassThrough> =>
  vi.waitFor(() => {
    const body = bodies[index];
    if (body === undefined) throw new Error('not asked yet');
    return body;
  }, PATIENCE);

const has = (length: number, reader: ReturnType<typeof openReader>): Promise<void> =>
  vi.waitFor(() => {
    expect(reader.length()).toBe(length);
  }, PATIENCE);

describe('a reader', () => {
  test('who keeps up reads no file', async () => {
    const opened = vi.spyOn(blobs, 'openUpload');
    const fetch = start();
    const reader = openReader();
    const reading = read(fetch, reader);
    const body = await bodyOf(0);
    for (let at = 0; at < bytes.length; at += MIB) {
      body.write(bytes.subarray(at, at + MIB));
      await has(Math.min(at + MIB, bytes.length - 4096), reader);
    }
    body.end();
    expect(await reading).toBe(true);
    expect(reader.all().equals(bytes)).toBe(true);
    expect(opened).not.toHaveBeenCalled();
    await fetch.done;
  });

  test('who has stalled holds up neither the fetch nor others, and reads the rest later', async () => {
    const gate = Promise.withResolvers<undefined>();
    const fetch = start();
    const [slow, fast] = [openReader(gate.promise), openReader()];
    const slowly = read(fetch, slow);
    const reading = read(fetch, fast);
    (await bodyOf(0)).end(bytes);
    expect(await reading).toBe(true);
    await fetch.done;
    expect(slow.length()).toBe(0);
    gate.resolve(undefined);
    expect(await slowly).toBe(true);
    for (const reader of [slow, fast]) expect(reader.all().equals(bytes)).toBe(true);
  });

  test('who joins late gets all from the beginning', async () => {
    const fetch = start();
    const early = openReader();
    const reading = read(fetch, early);
    const body = await bodyOf(0);
    body.write(bytes.subarray(0, 15 * MIB));
    await has(15 * MIB, early);
    const late = openReader();
    const joined = read(fetch, late);
    await has(15 * MIB, late);
    body.end(bytes.subarray(15 * MIB));
    expect(await Promise.all([reading, joined])).toEqual([true, true]);
    for (const reader of [early, late]) expect(reader.all().equals(bytes)).toBe(true);
    await fetch.done;
  });

  test('has the bytes that are right while they are still being made durable, a range as well', async () => {
    const gate = Promise.withResolvers<undefined>();
    const placed = commit;
    commit = (id) => gate.promise.then(() => placed(id));
    const fetch = start();
    const reader = openReader();
    const reading = read(fetch, reader);
    const range = fetch.open({ start: 5, end: 9 });
    (await bodyOf(0)).end(bytes);
    expect(await reading).toBe(true);
    expect(reader.all().equals(bytes)).toBe(true);
    const ranged = openReader();
    await using opened = await range;
    expect(await opened.sendTo(ranged.sink)).toBe(true);
    expect(ranged.all()).toEqual(bytes.subarray(5, 10));
    expect(await blobs.stat(fetch.digest)).toBeUndefined();
    gate.resolve(undefined);
    await fetch.done;
    expect(await blobs.stat(fetch.digest)).toEqual({ size: bytes.length });
  });
});

test('a holder that breaks off midway is followed by the next, and readers notice nothing', async () => {
  const fetch = start([holder(), holder()]);
  const reader = openReader();
  const reading = read(fetch, reader);
  const first = await bodyOf(0);
  first.write(bytes.subarray(0, 7 * MIB + 1000));
  await has(7 * MIB, reader);
  first.destroy(new Error('gone'));
  const second = await bodyOf(1);
  expect(ranges).toEqual([undefined, `bytes=${7 * MIB + 1000}-`]);
  second.end(bytes.subarray(7 * MIB + 1000));
  expect(await reading).toBe(true);
  expect(reader.all().equals(bytes)).toBe(true);
  await fetch.done;
});

test('wrong bytes at the very end reach nobody whole, and whoever asks anew gets the right ones', async () => {
  const fetch = start([holder(), holder()]);
  const reader = openReader();
  const outcome = read(fetch, reader).catch(() => 'cut off');
  const wrong = Buffer.from(bytes);
  wrong[wrong.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  (await bodyOf(0)).end(wrong);
  const second = await bodyOf(1);
  expect(await outcome).toBe('cut off');
  expect(reader.length()).toBeLessThanOrEqual(bytes.length - 4096);
  const next = openReader();
  const again = read(fetch, next);
  second.end(bytes);
  expect(await again).toBe(true);
  expect(next.all().equals(bytes)).toBe(true);
  await fetch.done;
});

test('what can’t be kept is still given to who reads it, and is not said to be here', async () => {
  commit = () => Promise.reject(new BlobStoreError('NO_SPACE', 'full'));
  const fetch = start();
  const reader = openReader();
  const reading = read(fetch, reader).catch(() => false); // cut off where he did not keep up
  (await bodyOf(0)).end(bytes);
  await expect(fetch.done).rejects.toMatchObject({ code: 'NO_SPACE' });
  await reading;
  expect(reader.all().equals(bytes.subarray(0, reader.length()))).toBe(true);
  expect(await blobs.stat(fetch.digest)).toBeUndefined();
});

describe('the upload', () => {
  test('is made while the holder is asked, and what he sends waits for it', async () => {
    const made = Promise.withResolvers<undefined>();
    const create = blobs.createUpload.bind(blobs);
    vi.spyOn(blobs, 'createUpload').mockImplementation(async (...upload) => {
      await made.promise;
      await create(...upload);
    });
    const fetch = start();
    (await bodyOf(0)).end(bytes);
    made.resolve(undefined);
    await fetch.done;
    expect((await blobs.stat(fetch.digest))?.size).toBe(bytes.length);
  });

  test('that can’t be made fails the fetch, and the holder’s answer is let go of', async () => {
    vi.spyOn(blobs, 'createUpload').mockRejectedValue(new BlobStoreError('NO_SPACE', 'The disk is full.'));
    const avoid = vi.fn();
    const fetch = start([holder()], avoid);
    await expect(fetch.done).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect((await bodyOf(0)).destroyed).toBe(true);
    expect(avoid).not.toHaveBeenCalled();
  });
});
