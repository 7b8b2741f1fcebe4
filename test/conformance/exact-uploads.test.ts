import { randomBytes } from 'node:crypto';

import { type Digest, digestOf } from '@dockchains/oci';
import { expect, test } from 'vitest';

import { errorCodeOf, locationOf, type Repository, useRegistry } from './registry.ts';
import { beginUpload, closeUpload, postOnly, postPut, sendChunk } from './uploads.ts';

// The exact values that the conformance program and clients compare in uploads, and that registries get wrong.
const registry = useRegistry();
const open = (name: string): Promise<Repository> => registry.repository(`public/exact/${name}`);

function random(length = 3000): { bytes: Buffer; digest: Digest } {
  const bytes = randomBytes(length);
  return { bytes, digest: digestOf(bytes) };
}

test('begins an upload that is at 0-0 and keeps the query of its Location', async () => {
  const repository = await open('begin');
  const { bytes, digest } = random();
  const begun = await beginUpload(repository);
  const status = await repository.request('GET', locationOf(begun));
  expect(status.status).toBe(204);
  expect(status.headers.get('range')).toBe('0-0');
  expect(status.headers.get('docker-upload-uuid')).not.toBe('');
  const location = locationOf(begun);
  location.searchParams.append('x', 'y');
  const put = await repository.request('PUT', location, { body: bytes, query: { digest } });
  expect(put.status).toBe(201);
});

test('survives a chunk out of order, in a PATCH and in the closing PUT', async () => {
  const repository = await open('order');
  const { bytes, digest } = random();
  const first = await sendChunk(repository, await beginUpload(repository), {
    bytes: bytes.subarray(0, 1000),
    start: 0,
  });
  expect(first.headers.get('range')).toBe('0-999');
  for (const method of ['PATCH', 'PUT'] as const) {
    const wrong = { method, bytes: bytes.subarray(2000), start: 2000, ...(method === 'PUT' && { digest }) };
    const refused = await sendChunk(repository, first, wrong);
    expect(refused.status).toBe(416);
    const status = await repository.request('GET', locationOf(first));
    expect(status.status).toBe(204);
    expect(status.headers.get('range')).toBe('0-999');
  }
  const last = await sendChunk(repository, first, {
    method: 'PUT',
    bytes: bytes.subarray(1000),
    start: 1000,
    digest,
  });
  expect(last.status).toBe(201);
});

test('takes an end of Content-Range that is off by one, as older clients send it', async () => {
  const repository = await open('off-by-one');
  const { bytes, digest } = random();
  const begun = await beginUpload(repository);
  const patched = await repository.request('PATCH', locationOf(begun), {
    body: bytes,
    headers: { 'content-range': `0-${bytes.length}`, 'content-type': 'application/octet-stream' },
  });
  expect(patched.status).toBe(202);
  const closed = await repository.request('PUT', locationOf(patched), {
    query: { digest },
    headers: { 'content-range': `${bytes.length}-${bytes.length}` },
  });
  expect(closed.status).toBe(201);
});

test('refuses a Content-Range that is none with 416', async () => {
  const repository = await open('bad-range');
  const reply = await repository.request('PATCH', locationOf(await beginUpload(repository)), {
    body: Buffer.from('x'),
    headers: { 'content-range': 'from here to there' },
  });
  expect(reply.status).toBe(416);
});

test('keeps the upload when the closing digest is wrong', async () => {
  const repository = await open('wrong-digest');
  const { bytes, digest } = random();
  const begun = await beginUpload(repository);
  const patched = await repository.request('PATCH', locationOf(begun), { body: bytes });
  const refused = await closeUpload(repository, patched, random().digest);
  expect(refused.status).toBe(400);
  expect(errorCodeOf(refused)).toBe('DIGEST_INVALID');
  expect((await closeUpload(repository, patched, digest)).status).toBe(201);
});

test('closes no upload without a digest', async () => {
  const repository = await open('no-digest');
  const { bytes } = random();
  const begun = await beginUpload(repository);
  const reply = await repository.request('PUT', locationOf(begun), { body: bytes });
  expect(reply.status).toBe(400);
  expect(errorCodeOf(reply)).toBe('DIGEST_INVALID');
});

test('stores a single POST with the digest at once', async () => {
  const repository = await open('post');
  const { bytes, digest } = random();
  const reply = await postOnly(repository, bytes, digest);
  expect(reply.status).toBe(201);
  expect((await repository.request('GET', locationOf(reply))).body.equals(bytes)).toBe(true);
});

test.each([
  { name: 'the blob is not there', from: 'public/exact/mount-2', sources: ['public/exact/mount-2'] },
  {
    name: 'the repository does not exist',
    from: 'public/exact/never-pushed',
    sources: ['public/exact/never-pushed'],
  },
  { name: 'the repository is of another registry', from: 'library/alpine', sources: [] },
  { name: 'the repository has no name that could be', from: 'Not:A/Name', sources: [] },
])('falls back to an upload where $name to be mounted from', async ({ from, sources }) => {
  const repository = await registry.repository('public/exact/mount-1', sources);
  const query = { mount: random().digest, from };
  expect((await repository.request('POST', 'blobs/uploads/', { query })).status).toBe(202);
});

test('knows a sha512 digest only when the upload is closed', async () => {
  const repository = await open('sha512');
  const { bytes } = random();
  const digest = digestOf(bytes, 'sha512');
  const reply = await postPut(repository, bytes, digest);
  expect(reply.status).toBe(201);
  const head = await repository.request('HEAD', `blobs/${digest}`);
  expect(head.headers.get('docker-content-digest')).toBe(digest);
  expect((await repository.request('HEAD', `blobs/${digestOf(bytes)}`)).status).toBe(404);
});

test('answers several ranges with an error, so that lazy pullers ask for one', async () => {
  const repository = await open('ranges');
  const { bytes, digest } = random();
  await postPut(repository, bytes, digest);
  const reply = await repository.request('GET', `blobs/${digest}`, { headers: { range: 'bytes=0-3,5-9' } });
  expect(reply.status).toBe(416);
});

test('lets an upload be finished by its own client alone', async () => {
  const [one, other] = [await open('owner-1'), await open('owner-2')];
  const location = locationOf(await beginUpload(one));
  const stolen = new URL(location.href.replace(one.name, other.name));
  expect((await other.request('PATCH', stolen, { body: Buffer.from('x') })).status).toBe(404);
  expect((await one.request('PATCH', location, { body: Buffer.from('x'), anonymous: true })).status).not.toBe(
    202,
  );
});
