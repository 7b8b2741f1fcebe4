import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import { type DigestAlgorithm, digestOf } from '@dockchains/oci';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { MAX_HELD_BYTES } from './hold-chunk.ts';
import { createRegistry, type Registry } from './registry.ts';
import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';

let fixture: RegistryFixture;
/** Another gateway on the same database and blob folder. */
let other: Registry;
let id: string;

beforeAll(async () => {
  fixture = await openRegistryFixture();
  other = createRegistry(fixture.options);
});
beforeEach(async () => {
  fixture.beforeQuery = () => Promise.resolve();
  id = await fixture.registry.startUpload(place());
});
afterAll(async () => {
  await fixture.close();
});

const place = () => ({ principal: fixture.principal, repository: REPOSITORY });
const append = (bytes: Buffer, registry = fixture.registry, start?: number): Promise<number> =>
  registry.appendUpload({
    ...{ ...place(), id, source: Readable.from([bytes]) },
    ...(start !== undefined && { start }),
  });
const finish = (whole: Buffer, last = Buffer.alloc(0), registry = fixture.registry): Promise<void> =>
  registry.finishUpload({
    ...{ ...place(), id, digest: digestOf(whole), source: Readable.from([last]) },
    ...(last.length === 0 && { length: 0 }),
  });
const files = async (): Promise<string[]> => (await fixture.blobs.listUploads()).map((upload) => upload.id);
const heldBytes = async (): Promise<number | null | undefined> => {
  const text = 'SELECT octet_length(held) AS bytes FROM upload WHERE id = $1';
  const [row] = await fixture.database.query<{ bytes: number | null }>({ name: 'test-held', text }, [id]);
  return row?.bytes;
};
const requireBlob = async (bytes: Buffer): Promise<void> => {
  expect((await fixture.blobs.read(digestOf(bytes), bytes.length)).equals(bytes)).toBe(true);
  expect((await fixture.registry.getBlob({ ...place(), digest: digestOf(bytes) })).size).toBe(bytes.length);
  await expect(fixture.registry.getUpload({ ...place(), id })).rejects.toMatchObject({
    code: 'BLOB_UPLOAD_UNKNOWN',
  });
  expect(await files()).toEqual([]);
};

test('short chunks are kept in the row, and no file is made of them', async () => {
  const bytes = randomBytes(3000);
  expect(await append(bytes.subarray(0, 1000))).toBe(1000);
  expect(await append(bytes.subarray(1000))).toBe(3000);
  expect(await heldBytes()).toBe(3000);
  expect(await files()).toEqual([]);
  await finish(bytes);
  await requireBlob(bytes);
});

test.each([
  { last: 'a short last chunk', length: 2000 },
  { last: 'a last chunk that is too long for the row', length: MAX_HELD_BYTES },
  { last: 'a last chunk of many pieces', length: 3 << 20 },
])('short chunks are ended by $last', async ({ length }) => {
  const bytes = randomBytes(1000 + length);
  await append(bytes.subarray(0, 1000));
  await finish(bytes, bytes.subarray(1000));
  await requireBlob(bytes);
});

test('a blob of no bytes has neither chunk nor file', async () => {
  await finish(Buffer.alloc(0));
  await requireBlob(Buffer.alloc(0));
});

test.each([MAX_HELD_BYTES, MAX_HELD_BYTES + 1])(
  'of a first chunk of %d bytes the row holds it all or none',
  async (length) => {
    const bytes = randomBytes(length);
    expect(await append(bytes)).toBe(length);
    const inRow = length <= MAX_HELD_BYTES;
    expect([await heldBytes(), await files()]).toEqual(inRow ? [length, []] : [null, [id]]);
    await finish(bytes);
    await requireBlob(bytes);
  },
);

test('a chunk that is too long for the row takes what it held to a file, where later ones go', async () => {
  const bytes = randomBytes(300_000);
  await append(bytes.subarray(0, 60_000));
  expect(await append(bytes.subarray(60_000, 70_000))).toBe(70_000);
  expect([await heldBytes(), await files()]).toEqual([null, [id]]);
  expect(await append(bytes.subarray(70_000, 70_001))).toBe(70_001);
  expect(await append(bytes.subarray(70_001), other, 70_001)).toBe(300_000);
  await finish(bytes);
  await requireBlob(bytes);
});

test('two gateways take turns at one upload', async () => {
  const bytes = randomBytes(200_000);
  await append(bytes.subarray(0, 10));
  await append(bytes.subarray(10, 20), other);
  await append(bytes.subarray(20, 30));
  await append(bytes.subarray(30, 100_000), other);
  await append(bytes.subarray(100_000));
  await finish(bytes, undefined, other);
  await requireBlob(bytes);
});

test.each([
  { left: 'shorter than the row', bytes: 500 },
  { left: 'longer than the row', bytes: 5000 },
])('a file that a crash has left, $left, is made anew', async ({ bytes: left }) => {
  const bytes = randomBytes(200_000);
  await append(bytes.subarray(0, 1000));
  await fixture.blobs.createUpload(id, 'sha256', randomBytes(left));
  expect(await append(bytes.subarray(1000))).toBe(200_000);
  await finish(bytes);
  await requireBlob(bytes);
});

test('a file that a crash has left before anything was counted is cut off', async () => {
  const bytes = randomBytes(200_000);
  await fixture.blobs.createUpload(id, 'sha256', randomBytes(5000));
  expect(await append(bytes)).toBe(200_000);
  await finish(bytes);
  await requireBlob(bytes);
});

test('a file beside a row that holds everything changes nothing, and is swept', async () => {
  const bytes = randomBytes(1000);
  await append(bytes);
  await fixture.blobs.createUpload(id, 'sha256', randomBytes(500));
  await finish(bytes);
  expect((await fixture.blobs.read(digestOf(bytes), 1000)).equals(bytes)).toBe(true);
  const { now } = fixture;
  fixture.now = new Date(now.getTime() + 86_400_000 + 120_000);
  expect(await fixture.registry.sweepUploads()).toBe(1);
  fixture.now = now;
  expect(await files()).toEqual([]);
});

test('of chunks at once one is taken, on one gateway or two', async () => {
  const bytes = randomBytes(40);
  const settled = await Promise.allSettled([
    append(bytes),
    append(bytes),
    append(bytes, other),
    append(bytes, other),
  ]);
  const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  // Those that come behind one another are appended, as they do not say where they begin.
  const total = (4 - refused.length) * 40;
  for (const reason of refused) expect(reason).toMatchObject({ code: 'BLOB_UPLOAD_INVALID', status: 416 });
  expect(await fixture.registry.getUpload({ ...place(), id })).toMatchObject({ received: total });
  expect(await heldBytes()).toBe(total);
});

test('a short chunk is refused while a long one is written, and the long one is taken', async () => {
  const bytes = randomBytes(200_000);
  let refused: unknown;
  fixture.beforeQuery = async (statement) => {
    if (statement !== 'registry_move_uploads') return;
    fixture.beforeQuery = () => Promise.resolve();
    refused = await append(bytes.subarray(0, 10), other).catch((error: unknown) => error);
  };
  expect(await append(bytes)).toBe(200_000);
  expect(refused).toMatchObject({ code: 'BLOB_UPLOAD_INVALID', status: 416 });
  await finish(bytes);
  await requireBlob(bytes);
});

test.each([
  { gateway: 'one that knows what the principal may', step: 'registry_hold_uploads', isKnown: true },
  { gateway: 'one that asks first', step: 'registry_move_uploads', isKnown: false },
])(
  'a short chunk that comes behind the end of its upload is refused by $gateway',
  async ({ step, isKnown }) => {
    const registry = isKnown ? fixture.registry : createRegistry(fixture.options);
    fixture.beforeQuery = async (statement) => {
      if (statement !== step) return;
      fixture.beforeQuery = () => Promise.resolve();
      await other.cancelUpload({ ...place(), id });
    };
    await expect(append(randomBytes(10), registry)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await heldBytes()).toBeUndefined();
  },
);

test('a short chunk that does not begin where the upload ends is refused', async () => {
  await append(randomBytes(10));
  await expect(append(randomBytes(10), fixture.registry, 9)).rejects.toMatchObject({ status: 416 });
  expect(await heldBytes()).toBe(10);
});

test('what arrived of a short chunk that broke off is kept', async () => {
  const bytes = randomBytes(20);
  async function* breaking(): AsyncGenerator<Buffer> {
    yield await Promise.resolve(bytes.subarray(0, 10));
    throw new Error('aborted');
  }
  const request = { ...place(), id, digest: digestOf(bytes) };
  await expect(fixture.registry.finishUpload({ ...request, source: breaking() })).rejects.toMatchObject({
    code: 'BLOB_UPLOAD_INVALID',
    detail: { received: 10 },
  });
  await finish(bytes, bytes.subarray(10));
  await requireBlob(bytes);
});

test('a digest that does not fit leaves the row with what it has', async () => {
  const bytes = randomBytes(20);
  await append(bytes.subarray(0, 10));
  await expect(finish(randomBytes(5), bytes.subarray(10))).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
  expect(await heldBytes()).toBe(20);
  expect(await fixture.count('blob_lease')).toBe(await fixture.count('repository_blob'));
  await finish(bytes);
  await requireBlob(bytes);
});

test.each<DigestAlgorithm>(['sha256', 'sha512'])(
  'a session of %s leaves no file behind',
  async (algorithm) => {
    const bytes = randomBytes(20);
    id = await fixture.registry.startUpload({ ...place(), algorithm });
    expect(await files()).toEqual(algorithm === 'sha256' ? [] : [id]);
    await append(bytes);
    const digest = digestOf(bytes, algorithm);
    await fixture.registry.finishUpload({ ...place(), id, digest, source: Readable.from([]), length: 0 });
    expect((await fixture.blobs.read(digest, 20)).equals(bytes)).toBe(true);
    expect(await files()).toEqual([]);
  },
);

test('the database refuses a row that holds other than was received', async () => {
  const text = "UPDATE upload SET held = 'abc', received = 2 WHERE id = $1";
  await expect(fixture.database.query({ name: 'test-misfit', text }, [id])).rejects.toThrow(
    /upload_held_check/,
  );
});
