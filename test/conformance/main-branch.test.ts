import { randomBytes } from 'node:crypto';

import { type Digest, digestOf, type DigestAlgorithm, OCI_IMAGE_MANIFEST } from '@dockchains/oci';
import { buildImage, type BuiltManifest } from '@dockchains/testing';
import { describe, expect, test } from 'vitest';

import { errorCodeOf, locationOf, type Reply, type Repository, useRegistry } from './registry.ts';
import { beginUpload, closeUpload, postOnly, postPut, sendChunk } from './uploads.ts';

// What the specification's main branch adds to 1.1.1, and what its conformance program asks for as "1.1+dev".
const registry = useRegistry();
const open = (name: string): Promise<Repository> => registry.repository(`public/main/${name}`);
const digestHeader = ({ headers }: Reply): string | null => headers.get('docker-content-digest');

async function pushBlobs(repository: Repository, { blobs }: BuiltManifest): Promise<void> {
  for (const { bytes, descriptor } of blobs) {
    expect((await postPut(repository, bytes, descriptor.digest)).status).toBe(201);
  }
}

function putManifest(
  repository: Repository,
  { bytes, descriptor }: BuiltManifest,
  reference: string,
  tags: readonly string[] = [],
): Promise<Reply> {
  const search = tags.map((tag) => `tag=${encodeURIComponent(tag)}`).join('&');
  const headers = { 'content-type': descriptor.mediaType };
  return repository.request('PUT', `manifests/${reference}?${search}`, { body: bytes, headers });
}

describe('digest-algorithm of an upload', () => {
  test.each([
    { announced: 'sha256', closed: 'sha256' },
    { announced: 'sha512', closed: 'sha512' },
    { announced: 'sha512', closed: 'sha256' },
    { announced: 'sha256', closed: 'sha512' },
  ] as const)(
    '$announced takes a blob that is closed with $closed',
    async ({ announced, closed }: { announced: string; closed: DigestAlgorithm }) => {
      const repository = await open('algorithm');
      const bytes = randomBytes(3000);
      const digest = digestOf(bytes, closed);
      const begun = await repository.request('POST', 'blobs/uploads/', {
        query: { 'digest-algorithm': announced },
      });
      expect(begun.status).toBe(202);
      const ended = await closeUpload(repository, begun, digest, bytes);
      expect(ended.status).toBe(201);
      expect(digestHeader(ended)).toBe(digest);
      expect((await repository.request('GET', locationOf(ended))).body.equals(bytes)).toBe(true);
    },
  );

  test.each(['md5', 'SHA256', 'sha256:', ''])('%j is refused', async (algorithm) => {
    const repository = await open('algorithm');
    const reply = await repository.request('POST', 'blobs/uploads/', {
      query: { 'digest-algorithm': algorithm },
    });
    expect({ status: reply.status, code: errorCodeOf(reply) }).toEqual({
      status: 400,
      code: 'DIGEST_INVALID',
    });
  });
});

describe('tags of a manifest that is pushed by digest', () => {
  test.each(['sha256', 'sha512'] as const)(
    'are all set, and all named in OCI-Tag (%s)',
    async (algorithm) => {
      const repository = await open(`tags-${algorithm}`);
      const image = buildImage({ algorithm });
      await pushBlobs(repository, image);
      const tags = Array.from({ length: 10 }, (_, index) => `v${index}`);
      const put = await putManifest(repository, image, image.descriptor.digest, tags);
      expect(put.status).toBe(201);
      expect(put.headers.get('oci-tag')?.split(', ').sort()).toEqual(tags);
      for (const tag of tags) {
        const head = await repository.request('HEAD', `manifests/${tag}`);
        expect({ tag, digest: digestHeader(head) }).toEqual({ tag, digest: image.descriptor.digest });
      }
    },
  );

  test('that are none, or too many, set none at all', async () => {
    const repository = await open('tags-refused');
    const image = buildImage();
    await pushBlobs(repository, image);
    const { digest } = image.descriptor;
    const bad = await putManifest(repository, image, digest, ['good', '-bad']);
    expect({ status: bad.status, code: errorCodeOf(bad) }).toEqual({ status: 400, code: 'MANIFEST_INVALID' });
    const many = Array.from({ length: 101 }, (_, index) => `v${index}`);
    expect((await putManifest(repository, image, digest, many)).status).toBe(414);
    expect((await repository.request('HEAD', `manifests/${digest}`)).status).toBe(404);
  });
});

describe('cancelling an upload', () => {
  test('is answered 204, once; the session is gone', async () => {
    const repository = await open('cancel');
    const begun = await beginUpload(repository);
    await sendChunk(repository, begun, { bytes: randomBytes(1000), start: 0 });
    expect((await repository.request('DELETE', locationOf(begun))).status).toBe(204);
    for (const method of ['GET', 'DELETE']) {
      const reply = await repository.request(method, locationOf(begun));
      expect({ status: reply.status, code: errorCodeOf(reply) }).toEqual({
        status: 404,
        code: 'BLOB_UPLOAD_UNKNOWN',
      });
    }
  });
});

describe('Docker-Content-Digest', () => {
  test.each(['sha256', 'sha512'] as const)('is in every answer about content (%s)', async (algorithm) => {
    const repository = await open(`header-${algorithm}`);
    const image = buildImage({ algorithm });
    await pushBlobs(repository, image);
    const { digest } = image.descriptor;
    expect(digestHeader(await putManifest(repository, image, digest, ['latest']))).toBe(digest);
    const blob = image.blobs[0]?.descriptor.digest ?? '';
    const expected: readonly [method: string, path: string, digest: string][] = [
      ['GET', 'manifests/latest', digest],
      ['HEAD', 'manifests/latest', digest],
      ['GET', `manifests/${digest}`, digest],
      ['HEAD', `manifests/${digest}`, digest],
      ['GET', `blobs/${blob}`, blob],
      ['HEAD', `blobs/${blob}`, blob],
    ];
    for (const [method, path, wanted] of expected) {
      const reply = await repository.request(method, path);
      expect({ method, path, digest: digestHeader(reply) }).toEqual({ method, path, digest: wanted });
    }
    const ranged = await repository.request('GET', `blobs/${blob}`, { headers: { range: 'bytes=0-3' } });
    expect({ status: ranged.status, digest: digestHeader(ranged) }).toEqual({ status: 206, digest: blob });
  });

  test.each([
    { way: 'POST alone', send: postOnly },
    { way: 'POST and PUT', send: postPut },
    {
      way: 'a mount',
      send: async (repository: Repository, bytes: Buffer, digest: Digest) => {
        const source = await open('header-source');
        await postPut(source, bytes, digest);
        const query = { mount: digest, from: source.name };
        return repository.request('POST', 'blobs/uploads/', { query });
      },
    },
  ])('answers a blob pushed by $way', async ({ send }) => {
    const bytes = randomBytes(500);
    const reply = await send(await open('header-pushed'), bytes, digestOf(bytes));
    expect({ status: reply.status, digest: digestHeader(reply) }).toEqual({
      status: 201,
      digest: digestOf(bytes),
    });
  });
});

test('a closing PUT out of order is answered 416 with where the upload stands', async () => {
  const repository = await open('order');
  const bytes = randomBytes(2000);
  const begun = await beginUpload(repository);
  const sent = await sendChunk(repository, begun, { bytes: bytes.subarray(0, 1000), start: 0 });
  const refused = await sendChunk(repository, sent, {
    method: 'PUT',
    bytes: bytes.subarray(1500),
    start: 1500,
    digest: digestOf(bytes),
  });
  expect({ status: refused.status, range: refused.headers.get('range') }).toEqual({
    status: 416,
    range: '0-999',
  });
});

describe('ns', () => {
  test('of our own name or host is served, and named in OCI-Namespace', async () => {
    const repository = await open('ns');
    const image = buildImage();
    await pushBlobs(repository, image);
    await putManifest(repository, image, 'latest');
    for (const namespace of ['acme.example', new URL(registry.url()).host]) {
      for (const path of [
        'manifests/latest',
        `blobs/${image.blobs[0]?.descriptor.digest ?? ''}`,
        'tags/list',
      ]) {
        const reply = await repository.request('GET', path, { query: { ns: namespace } });
        const answer = { status: reply.status, namespace: reply.headers.get('oci-namespace') };
        expect({ path, ...answer }).toEqual({ path, status: 200, namespace });
      }
    }
    expect((await repository.request('GET', 'manifests/latest')).headers.get('oci-namespace')).toBeNull();
  });

  test('of anybody else names nothing here, so that none of ours passes for theirs', async () => {
    const repository = await open('ns');
    const image = buildImage();
    await pushBlobs(repository, image);
    await putManifest(repository, image, 'latest');
    for (const namespace of ['docker.io', '127.0.0.1:1', 'acme.example.evil.example']) {
      const reply = await repository.request('GET', 'manifests/latest', { query: { ns: namespace } });
      const answer = { status: reply.status, code: errorCodeOf(reply) };
      expect({ namespace, ...answer }).toEqual({ namespace, status: 404, code: 'NAME_UNKNOWN' });
      expect(reply.headers.get('oci-namespace')).toBeNull();
    }
  });

  test('of anybody else is pushed to neither', async () => {
    const repository = await open('ns-push');
    const reply = await repository.request('PUT', 'manifests/latest', {
      body: buildImage().bytes,
      headers: { 'content-type': OCI_IMAGE_MANIFEST },
      query: { ns: 'docker.io' },
    });
    expect(reply.status).toBe(404);
  });
});

describe('extension discovery', () => {
  test.each(['/v2/_oci/ext/discover', '/v2/public/main/discover/_oci/ext/discover'])('%s', async (path) => {
    const repository = await open('discover');
    const image = buildImage();
    await pushBlobs(repository, image);
    await putManifest(repository, image, 'latest');
    const reply = await repository.request('GET', new URL(path, registry.url()));
    expect(reply.headers.get('content-type')).toBe('application/json');
    const { extensions } = JSON.parse(reply.body.toString()) as { extensions: { endpoints: string[] }[] };
    expect(extensions).toMatchObject([{ name: '_oci', url: expect.stringMatching(/^https:/) as string }]);
    expect(extensions[0]?.endpoints).toContain(path.slice('/v2/'.length));
  });
});
