import { OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from '@dockchains/oci';
import type { Content, ManifestContent } from '@dockchains/testing';
import { beforeAll, describe, expect, test } from 'vitest';

import { DATA_SETS, type DataSet } from './data-sets.ts';
import { locationOf, type Reply, type Repository, useRegistry } from './registry.ts';
import { UPLOAD_WAYS } from './uploads.ts';

const registry = useRegistry();
const ACCEPT = { accept: `${OCI_IMAGE_INDEX}, ${OCI_IMAGE_MANIFEST}` };

// One test for each API that a data set goes through, named as the conformance program names it, in its order.
describe.each(Object.keys(DATA_SETS))('%s', (name) => {
  const set: DataSet = (DATA_SETS[name] ?? unreachable)();
  const tags = [...set.tags];
  const referred = set.manifests.filter(({ referrer }) => referrer !== undefined);
  const put = new Map<string, Reply>();
  let repository: Repository;

  beforeAll(async () => {
    repository = await registry.repository(`public/conformance/${name}`);
  });

  test('Blob push', async () => {
    for (const [place, { bytes, descriptor }] of set.blobs.entries()) {
      const way = UPLOAD_WAYS[place % UPLOAD_WAYS.length] ?? unreachable;
      expect((await way(repository, bytes, descriptor.digest)).status).toBe(201);
    }
  });

  test('Manifest put by digest', async () => {
    for (const manifest of set.manifests) {
      const wanted = tags.filter(([, one]) => one.descriptor.digest === manifest.descriptor.digest);
      const query = set.tagParameters === true ? wanted.map(([tag]) => `tag=${tag}`).join('&') : '';
      const reply = await putManifest(repository, manifest, `${manifest.descriptor.digest}?${query}`);
      put.set(manifest.descriptor.digest, reply);
      await expectStored(repository, reply, manifest);
    }
  });

  if (set.tagParameters === true)
    test('Manifest put with tag params', () => {
      for (const [tag, { descriptor }] of tags) {
        const named = put.get(descriptor.digest)?.headers.get('oci-tag')?.split(/, */);
        expect(named).toContain(tag);
      }
    });

  if (tags.length > 0 && set.tagParameters !== true)
    test('Manifest put by tag', async () => {
      for (const [tag, manifest] of tags) {
        const reply = await putManifest(repository, manifest, tag);
        await expectStored(repository, reply, manifest);
      }
    });

  if (referred.length > 0)
    test('Manifest put with subject', () => {
      for (const { descriptor, subject } of referred) {
        expect(put.get(descriptor.digest)?.headers.get('oci-subject')).toBe(subject?.digest);
      }
    });

  if (tags.length > 0)
    test('Tag listing', async () => {
      const wanted = tags.map(([tag]) => tag).sort();
      expect(await listTags(repository, '')).toEqual(wanted);
      const middle = Math.ceil(wanted.length / 2);
      expect(await listTags(repository, `?last=${wanted[middle - 1] ?? ''}`)).toEqual(wanted.slice(middle));
    });

  if (tags.length > 0)
    test('Manifest head by tag', async () => {
      for (const [tag, manifest] of tags) await expectManifest(repository, 'HEAD', tag, manifest);
    });

  test('Manifest head by digest', async () => {
    for (const one of set.manifests) await expectManifest(repository, 'HEAD', one.descriptor.digest, one);
  });

  test('Blob head', async () => {
    for (const blob of set.blobs) await expectBlob(repository, 'HEAD', blob);
  });

  if (tags.length > 0)
    test('Manifest get by tag', async () => {
      for (const [tag, manifest] of tags) await expectManifest(repository, 'GET', tag, manifest);
    });

  test('Manifest get by digest', async () => {
    for (const one of set.manifests) await expectManifest(repository, 'GET', one.descriptor.digest, one);
  });

  test('Blob get', async () => {
    for (const blob of set.blobs) await expectBlob(repository, 'GET', blob);
  });

  if (referred.length > 0)
    test('Referrers', async () => {
      for (const subject of new Set(referred.map((one) => one.subject?.digest))) {
        const wanted = referred
          .filter((one) => one.subject?.digest === subject)
          .map(({ referrer }) => referrer);
        const path = `referrers/${subject ?? ''}`;
        await expectReferrers(repository, path, wanted);
        for (const type of new Set(wanted.map((one) => one?.artifactType))) {
          if (type === undefined) continue;
          const ofType = wanted.filter((one) => one?.artifactType === type);
          const reply = await expectReferrers(
            repository,
            `${path}?artifactType=${encodeURIComponent(type)}`,
            ofType,
          );
          expect(reply.headers.get('oci-filters-applied')).toBe('artifactType');
        }
      }
    });

  if (tags.length > 0)
    test('Tag delete, atomic', async () => {
      for (const [tag, { descriptor }] of tags) {
        await expectDeleted(repository, `manifests/${tag}`);
        expect((await repository.request('HEAD', `manifests/${descriptor.digest}`)).status).toBe(200);
      }
    });

  test('Manifest delete, atomic', async () => {
    for (const { descriptor } of set.manifests.toReversed()) {
      await expectDeleted(repository, `manifests/${descriptor.digest}`);
    }
    for (const { subject } of referred)
      await expectReferrers(repository, `referrers/${subject?.digest ?? ''}`, []);
  });

  test('Blob delete, atomic', async () => {
    for (const { descriptor } of set.blobs) await expectDeleted(repository, `blobs/${descriptor.digest}`);
  });
});

function putManifest(repository: Repository, manifest: Content, reference: string): Promise<Reply> {
  const { bytes, descriptor } = manifest;
  return repository.request('PUT', `manifests/${reference}`, {
    body: bytes,
    headers: { 'content-type': descriptor.mediaType },
  });
}

async function expectStored(repository: Repository, reply: Reply, manifest: Content): Promise<void> {
  expect(reply.status, reply.body.toString()).toBe(201);
  expect(reply.headers.get('docker-content-digest')).toBe(manifest.descriptor.digest);
  const fetched = await repository.request('GET', locationOf(reply), { headers: ACCEPT });
  expect(fetched.status).toBe(200);
  expect(fetched.headers.get('content-type')).toBe(manifest.descriptor.mediaType);
  expect(fetched.body.equals(manifest.bytes)).toBe(true);
}

async function expectManifest(
  repository: Repository,
  method: 'GET' | 'HEAD',
  reference: string,
  manifest: ManifestContent,
): Promise<void> {
  const reply = await repository.request(method, `manifests/${reference}`, { headers: ACCEPT });
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toBe(manifest.descriptor.mediaType);
  expectContent(reply, method, manifest);
}

async function expectBlob(repository: Repository, method: 'GET' | 'HEAD', blob: Content): Promise<void> {
  const reply = await repository.request(method, `blobs/${blob.descriptor.digest}`);
  expect(reply.status).toBe(200);
  expectContent(reply, method, blob);
}

function expectContent(reply: Reply, method: 'GET' | 'HEAD', { bytes, descriptor }: Content): void {
  expect(reply.headers.get('docker-content-digest')).toBe(descriptor.digest);
  expect(reply.headers.get('content-length')).toBe(String(bytes.length));
  expect(reply.body.equals(method === 'GET' ? bytes : Buffer.alloc(0))).toBe(true);
}

async function expectReferrers(repository: Repository, path: string, wanted: unknown[]): Promise<Reply> {
  const reply = await repository.request('GET', path);
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toBe(OCI_IMAGE_INDEX);
  const index = JSON.parse(reply.body.toString()) as { manifests: unknown[] };
  expect(index).toMatchObject({ schemaVersion: 2, mediaType: OCI_IMAGE_INDEX });
  expect(index.manifests).toHaveLength(wanted.length);
  expect(index.manifests).toEqual(expect.arrayContaining(wanted));
  return reply;
}

async function expectDeleted(repository: Repository, path: string): Promise<void> {
  expect((await repository.request('DELETE', path)).status).toBe(202);
  expect((await repository.request('HEAD', path, { headers: ACCEPT })).status).toBe(404);
}

async function listTags(repository: Repository, query: string): Promise<string[]> {
  const reply = await repository.request('GET', `tags/list${query}`);
  expect(reply.status).toBe(200);
  const list = JSON.parse(reply.body.toString()) as { name: string; tags: string[] };
  expect(list.name).toBe(repository.name);
  return list.tags;
}

function unreachable(): never {
  throw new Error('The tables of this file are not empty.');
}
