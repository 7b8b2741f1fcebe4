import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import { digestOf } from '@dockchains/oci';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

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
const append = (bytes: Buffer, registry = fixture.registry): Promise<number> =>
  registry.appendUpload({ ...place(), id, source: Readable.from([bytes]) });
const finish = (bytes: Buffer): Promise<void> =>
  fixture.registry.finishUpload({
    ...place(),
    id,
    digest: digestOf(bytes),
    source: Readable.from([]),
    length: 0,
  });
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
};

test('an upload takes a statement each to begin and to hold a chunk, and two to end', async () => {
  await fixture.registry.startUpload(place()); // the one before has made the repository, and changed the facts by that
  const statements: string[] = [];
  fixture.beforeQuery = (statement) => Promise.resolve(void statements.push(statement));
  id = await fixture.registry.startUpload(place());
  const bytes = randomBytes(1000);
  await append(bytes);
  await finish(bytes);
  expect(statements).toEqual([
    ...['registry_begin_uploads', 'registry_hold_uploads'],
    ...['registry_lease_uploads', 'registry_link_content'],
  ]);
  await requireBlob(bytes);
});

test('chunks that share a statement go each to their own upload', async () => {
  const contents = [10_240, 1, 300].map((length) => randomBytes(length));
  const ids = await Promise.all(contents.map(() => fixture.registry.startUpload(place())));
  const statements: string[] = [];
  fixture.beforeQuery = (statement) => Promise.resolve(void statements.push(statement));
  const source = (bytes: Buffer): Readable => Readable.from([bytes]);
  await Promise.all(
    contents.map((bytes, index) =>
      fixture.registry.appendUpload({ ...place(), id: ids[index] ?? '', source: source(bytes) }),
    ),
  );
  expect(statements).toEqual(['registry_hold_uploads']);
  for (const [index, bytes] of contents.entries()) {
    // The other gateway knows only what the rows hold.
    const upload = { ...place(), id: ids[index] ?? '', digest: digestOf(bytes), length: 0 };
    await other.finishUpload({ ...upload, source: Readable.from([]) });
    expect((await fixture.blobs.read(digestOf(bytes), bytes.length)).equals(bytes)).toBe(true);
  }
});

test('an upload that another gateway went on with is ended with what that added', async () => {
  const bytes = randomBytes(1000);
  await append(bytes.subarray(0, 400));
  await append(bytes.subarray(400), other);
  await finish(bytes);
  await requireBlob(bytes);
});

test('an upload that another gateway went on with, unnoticed, is refused the digest that it had', async () => {
  const bytes = randomBytes(1000);
  await append(bytes.subarray(0, 400));
  await append(bytes.subarray(400), other);
  await expect(finish(bytes.subarray(0, 400))).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
  expect(await fixture.blobs.stat(digestOf(bytes.subarray(0, 400)))).toBeUndefined();
  expect(await heldBytes()).toBe(1000);
});

test.each<{ end: string; act: () => Promise<unknown> }>([
  { end: 'another gateway cancelled', act: () => other.cancelUpload({ ...place(), id }) },
  {
    end: 'has expired',
    act: () => {
      const text = 'UPDATE upload SET expires_at = $2 WHERE id = $1';
      return fixture.database.query({ name: 'test-expire', text }, [id, fixture.now]);
    },
  },
])('an upload that $end is not ended, and leaves neither lease nor file', async ({ act }) => {
  const bytes = randomBytes(1000);
  await append(bytes);
  const leases = await fixture.count('blob_lease');
  await act();
  await expect(finish(bytes)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
  expect(await fixture.count('blob_lease')).toBe(leases);
  expect(await fixture.blobs.stat(digestOf(bytes))).toBeUndefined();
});

test.each([
  { request: 'a chunk', step: 'registry_hold_uploads' },
  { request: 'the end', step: 'registry_lease_uploads' },
])('$request of somebody who has just lost the right to push writes nothing', async ({ request, step }) => {
  const principal = await fixture.createPrincipal(`loser-${step.replaceAll('_', '-')}`, 'public/**');
  const owned = { principal, repository: REPOSITORY, id: '' };
  owned.id = await fixture.registry.startUpload(owned);
  const bytes = randomBytes(100);
  const source = (): Readable => Readable.from([bytes]);
  if (request === 'the end') await fixture.registry.appendUpload({ ...owned, source: source() });
  const leases = await fixture.count('blob_lease');
  fixture.beforeQuery = async (statement) => {
    if (statement !== step) return;
    fixture.beforeQuery = () => Promise.resolve();
    const text = 'DELETE FROM policy WHERE principal_id = $1';
    await fixture.database.query({ name: 'test-revoke', text }, [principal.id ?? '']);
  };
  const refused =
    request === 'the end'
      ? fixture.registry.finishUpload({
          ...owned,
          digest: digestOf(bytes),
          source: Readable.from([]),
          length: 0,
        })
      : fixture.registry.appendUpload({ ...owned, source: source() });
  await expect(refused).rejects.toMatchObject({ code: 'DENIED' });
  id = owned.id;
  expect(await heldBytes()).toBe(request === 'the end' ? 100 : null);
  expect(await fixture.count('blob_lease')).toBe(leases);
  expect(await fixture.blobs.stat(digestOf(bytes))).toBeUndefined();
});

test('somebody who was refused is let in as soon as a policy says so', async () => {
  const principal = await fixture.createPrincipal('late', 'public/other');
  const begin = (): Promise<string> => fixture.registry.startUpload({ principal, repository: REPOSITORY });
  await expect(begin()).rejects.toMatchObject({ code: 'DENIED' });
  const text = "UPDATE policy SET pattern = 'public/**' WHERE principal_id = $1";
  await fixture.database.query({ name: 'test-grant', text }, [principal.id ?? '']);
  expect(await begin()).toMatch(/^[0-9a-f]{32}$/);
});

test('a chunk of another principal than the one who began is refused', async () => {
  const principal = await fixture.createPrincipal('stranger', 'public/**');
  await fixture.registry.startUpload({ principal, repository: REPOSITORY });
  const chunk = { principal, repository: REPOSITORY, id, source: Readable.from([randomBytes(10)]) };
  await expect(fixture.registry.appendUpload(chunk)).rejects.toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
  expect(await heldBytes()).toBeNull();
});
