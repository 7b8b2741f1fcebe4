import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';

import { type Digest, digestOf, DOCKER_MANIFEST, OCI_LAYER_TAR } from '@dockchains/oci';
import { buildImage, buildIndex, contentOf } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { locationOf, type Reply, type Repository, useRegistry } from './registry.ts';
import { beginUpload, closeUpload, postPut, stream, type UploadWay } from './uploads.ts';

// How clients are known to push, each with the header or the order of requests that registries stumble over.
const registry = useRegistry();
const open = (name: string): Promise<Repository> => registry.repository(`public/clients/${name}`);
const digestHeader = (reply: Reply): string | null => reply.headers.get('docker-content-digest');

const NEVER_PUSHED = 'public/clients/never-pushed';

const WAYS: Readonly<Record<string, UploadWay>> = {
  'the Docker Engine with its own store: PATCH of unknown length': stream,
  'containerd and BuildKit: mount tried, then one PUT': async (repository, bytes, digest) => {
    const query = { mount: digest, from: NEVER_PUSHED };
    const begun = await repository.request('POST', 'blobs/uploads/', { query });
    return closeUpload(repository, begun, digest, bytes);
  },
  'crane and ko: mount from another registry, PATCH whole, empty PUT': async (repository, bytes, digest) => {
    const query = { mount: digest, from: 'library/alpine', origin: 'other.example' };
    const begun = await repository.request('POST', 'blobs/uploads/', { query });
    const patched = await repository.request('PATCH', locationOf(begun), { body: bytes });
    return closeUpload(repository, patched, digest);
  },
  'regctl: anonymous mount, then one PUT': async (repository, bytes, digest) => {
    const begun = await repository.request('POST', 'blobs/uploads/', { query: { mount: digest } });
    return closeUpload(repository, begun, digest, bytes);
  },
  'podman and skopeo: PATCH whole to an absolute or relative Location': async (repository, bytes, digest) => {
    const begun = await beginUpload(repository);
    const patched = await repository.request('PATCH', locationOf(begun), {
      body: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    });
    return closeUpload(repository, patched, digest);
  },
};

test.each(Object.entries(WAYS))('%s', async (_, way) => {
  // Who mounts asks for a token that covers both repositories.
  const repository = await registry.repository('public/clients/ways', [NEVER_PUSHED]);
  const layer = contentOf(randomBytes(3_000_000), OCI_LAYER_TAR);
  const { digest } = layer.descriptor;
  expect((await repository.request('HEAD', `blobs/${digest}`)).status).toBe(404);
  const closed = await way(repository, layer.bytes, digest);
  expect(closed.status).toBe(201);
  expect(digestHeader(closed)).toBe(digest);

  const image = buildImage({ layers: [layer] });
  for (const { bytes, descriptor } of image.blobs) await postPut(repository, bytes, descriptor.digest);
  const put = await putManifest(repository, image.bytes, image.descriptor.mediaType);
  expect(put.status).toBe(201);
  expect(digestHeader(put)).toBe(image.descriptor.digest);
});

test('keeps the bytes of a Docker schema 2 manifest, indented as Docker writes it', async () => {
  const repository = await open('docker');
  const image = buildImage({ mediaType: DOCKER_MANIFEST });
  for (const { bytes, descriptor } of image.blobs) await postPut(repository, bytes, descriptor.digest);
  const indented = Buffer.from(JSON.stringify(JSON.parse(image.bytes.toString()), null, 3));
  expect((await putManifest(repository, indented, DOCKER_MANIFEST)).status).toBe(201);
  const pulled = await repository.request('GET', 'manifests/latest');
  expect(pulled.headers.get('content-type')).toBe(DOCKER_MANIFEST);
  expect(pulled.body.equals(indented)).toBe(true);
  expect(digestHeader(pulled)).toBe(digestOf(indented));
});

test('takes the index that BuildKit exports a cache as, whose children are layers', async () => {
  const repository = await open('buildkit');
  const layer = contentOf(randomBytes(100), 'application/vnd.docker.image.rootfs.diff.tar.gzip');
  const config = contentOf(Buffer.from('{"layers":[]}'), 'application/vnd.buildkit.cacheconfig.v0');
  const children = [layer, config].map((content) => ({ ...content, blobs: [content], manifests: [] }));
  const cache = buildIndex(children);
  for (const { bytes, descriptor } of cache.blobs) await postPut(repository, bytes, descriptor.digest);
  expect((await putManifest(repository, cache.bytes, cache.descriptor.mediaType)).status).toBe(201);
});

test('answers a push without a token with a challenge while the body is still coming', async () => {
  const repository = await open('challenge');
  const reply = await repository.request('POST', 'blobs/uploads/', {
    body: randomBytes(100_000),
    query: { digest: digestOf(Buffer.from('x')) },
    anonymous: true,
  });
  expect(reply.status).toBe(401);
  expect(reply.headers.get('www-authenticate')).toMatch(/^Bearer /);
});

test('asks a client that waits for it to go on', async () => {
  const repository = await open('continue');
  const bytes = randomBytes(5000);
  const location = locationOf(await beginUpload(repository));
  location.searchParams.set('digest', digestOf(bytes));
  const sent = request(location, {
    method: 'PUT',
    headers: { ...repository.authorization, expect: '100-continue', 'content-length': bytes.length },
  });
  sent.flushHeaders();
  await once(sent, 'continue');
  sent.end(bytes);
  const [response] = (await once(sent, 'response')) as [{ statusCode: number; resume(): void }];
  response.resume();
  expect(response.statusCode).toBe(201);
});

test('shows the same push again as nothing new', async () => {
  const repository = await open('again');
  const image = buildImage();
  for (const { bytes, descriptor } of image.blobs) await postPut(repository, bytes, descriptor.digest);
  const first = await putManifest(repository, image.bytes, image.descriptor.mediaType);
  const second = await putManifest(repository, image.bytes, image.descriptor.mediaType);
  expect(second.status).toBe(201);
  expect(second.headers.get('dockchains-record')).toBe(first.headers.get('dockchains-record'));
  expect(digestHeader(second)).toBe(image.descriptor.digest satisfies Digest);
});

function putManifest(repository: Repository, body: Buffer, mediaType: string): Promise<Reply> {
  return repository.request('PUT', 'manifests/latest', { body, headers: { 'content-type': mediaType } });
}
