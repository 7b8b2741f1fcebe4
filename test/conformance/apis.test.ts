import { randomBytes } from 'node:crypto';

import { digestOf, OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from '@dockchains/oci';
import { buildImage, buildIndex, type Content, contentOf } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { errorCodeOf, type Reply, type Repository, useRegistry } from './registry.ts';
import { postPut } from './uploads.ts';

const registry = useRegistry();
const open = (name: string): Promise<Repository> => registry.repository(`public/conformance/${name}`);

async function push(
  repository: Repository,
  { bytes, descriptor }: Content,
  reference: string,
): Promise<Reply> {
  const headers = { 'content-type': descriptor.mediaType };
  return repository.request('PUT', `manifests/${reference}`, { body: bytes, headers });
}

async function pushBlobs(repository: Repository, blobs: readonly Content[]): Promise<void> {
  for (const { bytes, descriptor } of blobs) {
    expect((await postPut(repository, bytes, descriptor.digest)).status).toBe(201);
  }
}

test('Ping', async () => {
  const repository = await open('ping');
  const reply = await repository.request('GET', new URL('/v2/', registry.url()));
  expect(reply.status).toBe(200);
  expect(reply.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
});

test('empty: tag listing of a repository that nothing was pushed to', async () => {
  const repository = await open('empty');
  const reply = await repository.request('GET', 'tags/list');
  expect([200, 404]).toContain(reply.status);
});

test('empty: referrers in a repository that nothing was pushed to', async () => {
  const repository = await open('empty');
  const reply = await repository.request('GET', `referrers/${digestOf(randomBytes(16))}`);
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toBe(OCI_IMAGE_INDEX);
  expect(JSON.parse(reply.body.toString())).toEqual({
    schemaVersion: 2,
    mediaType: OCI_IMAGE_INDEX,
    manifests: [],
  });
});

test('referrers of a digest that is none', async () => {
  const repository = await open('empty');
  const reply = await repository.request('GET', 'referrers/sha256:baddigeststring');
  expect(reply.status).toBe(400);
  expect(errorCodeOf(reply)).toBe('DIGEST_INVALID');
});

test.each([
  { name: 'by digest', reference: digestOf(randomBytes(16)) },
  { name: 'by tag', reference: 'missing-tag' },
])('missing-manifest $name', async ({ reference }) => {
  const repository = await open('missing');
  await pushBlobs(repository, [contentOf(randomBytes(16), 'text/plain')]);
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    const reply = await repository.request(method, `manifests/${reference}`);
    expect(reply.status).toBe(404);
    if (method !== 'HEAD') expect(errorCodeOf(reply)).toBe('MANIFEST_UNKNOWN');
  }
});

test('invalid-digest-format', async () => {
  const repository = await open('invalid-digest');
  const image = buildImage();
  await pushBlobs(repository, image.blobs);
  const reply = await push(repository, image, 'sha256:baddigeststring');
  expect(reply.status).toBe(400);
  expect(errorCodeOf(reply)).toBe('DIGEST_INVALID');
  expect([400, 404]).toContain((await repository.request('GET', 'manifests/sha256:baddigeststring')).status);
});

test('bad-digest-image', async () => {
  const repository = await open('bad-digest');
  const image = buildImage();
  await pushBlobs(repository, image.blobs);
  const padded = { ...image, bytes: Buffer.concat([image.bytes, Buffer.from('  ')]) };
  const reply = await push(repository, padded, image.descriptor.digest);
  expect(reply.status).toBe(400);
  expect(errorCodeOf(reply)).toBe('DIGEST_INVALID');
  expect((await repository.request('HEAD', `manifests/${image.descriptor.digest}`)).status).toBe(404);
});

// The program leaves "sparse" off unless it is asked for: this registry stores no manifest with holes below it.
test('sparse: an image without a layer, and an index without a child, are refused', async () => {
  const repository = await open('sparse');
  const image = buildImage();
  await pushBlobs(repository, image.blobs.slice(1));
  const index = buildIndex([buildImage()]);
  for (const manifest of [image, index]) {
    const reply = await push(repository, manifest, 'sparse');
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.status).toBeLessThan(500);
    expect(errorCodeOf(reply)).toBe('MANIFEST_BLOB_UNKNOWN');
  }
  expect((await repository.request('HEAD', 'manifests/sparse')).status).toBe(404);
});

test.each([
  { name: 'no JSON', body: '{', type: OCI_IMAGE_MANIFEST },
  { name: 'a type that the body denies', body: buildImage().bytes, type: OCI_IMAGE_INDEX },
  { name: 'an unknown type', body: '{"schemaVersion":2}', type: 'application/json' },
  {
    name: 'Docker schema 1',
    body: '{"schemaVersion":1}',
    type: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  },
])('a manifest of $name is invalid', async ({ body, type }) => {
  const repository = await open('invalid');
  const sent = { body: Buffer.from(body), headers: { 'content-type': type } };
  const reply = await repository.request('PUT', 'manifests/invalid', sent);
  expect(reply.status).toBe(400);
  expect(errorCodeOf(reply)).toBe('MANIFEST_INVALID');
});
