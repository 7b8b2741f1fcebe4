import { randomBytes } from 'node:crypto';

import { digestOf, OCI_IMAGE_INDEX, OCI_IMAGE_MANIFEST } from '@dockchains/oci';
import { buildImage, type BuiltManifest, EMPTY_JSON } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { errorCodeOf, type Reply, type Repository, useRegistry } from './registry.ts';
import { postPut } from './uploads.ts';

// The exact values that the conformance program compares in manifests, tags and referrers, and that registries get wrong.
const registry = useRegistry();
const open = (name: string): Promise<Repository> => registry.repository(`public/exact/${name}`);

async function push(repository: Repository, image: BuiltManifest, ...references: string[]): Promise<Reply> {
  for (const { bytes, descriptor } of image.blobs) await postPut(repository, bytes, descriptor.digest);
  let reply: Reply | undefined;
  for (const reference of references) {
    const headers = { 'content-type': image.descriptor.mediaType };
    reply = await repository.request('PUT', `manifests/${reference}`, { body: image.bytes, headers });
    expect(reply.status, reply.body.toString()).toBe(201);
  }
  if (reply === undefined) throw new Error('A push has a reference.');
  return reply;
}

test('serves manifests and blobs with exact type and length, uncompressed and unchunked', async () => {
  const repository = await open('headers');
  const image = buildImage();
  await push(repository, image, 'one');
  const [config] = image.blobs;
  const wanted = [
    { path: 'manifests/one', type: OCI_IMAGE_MANIFEST, size: image.bytes.length },
    { path: `blobs/${config?.descriptor.digest ?? ''}`, type: undefined, size: config?.bytes.length },
  ];
  for (const { path, type, size } of wanted) {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await repository.request(method, path, {
        headers: { 'accept-encoding': 'gzip, br' },
      });
      expect(status).toBe(200);
      if (type !== undefined) expect(headers.get('content-type')).toBe(type);
      expect(headers.get('content-length')).toBe(String(size));
      expect(headers.get('content-encoding')).toBeNull();
      expect(headers.get('transfer-encoding')).toBeNull();
    }
  }
});

test('serves a manifest as it is stored, whatever the client accepts', async () => {
  const repository = await open('accept');
  await push(repository, buildImage(), 'one');
  for (const accept of ['application/json', '*/*', `${OCI_IMAGE_INDEX};q=0.5, text/html`]) {
    const reply = await repository.request('GET', 'manifests/one', { headers: { accept } });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toBe(OCI_IMAGE_MANIFEST);
  }
});

test('takes back every tag of a manifest that is deleted, and no tag but one that is deleted itself', async () => {
  const repository = await open('delete');
  const image = buildImage();
  await push(repository, image, 'a', 'b', 'c');
  const statusOf = async (reference: string) =>
    (await repository.request('HEAD', `manifests/${reference}`)).status;
  expect((await repository.request('DELETE', 'manifests/a')).status).toBe(202);
  expect(await Promise.all(['a', 'b', 'c', image.descriptor.digest].map(statusOf))).toEqual([
    404, 200, 200, 200,
  ]);
  expect((await repository.request('DELETE', `manifests/${image.descriptor.digest}`)).status).toBe(202);
  expect(await Promise.all(['b', 'c', image.descriptor.digest].map(statusOf))).toEqual([404, 404, 404]);
});

test('deletes a blob in one repository and leaves it in the other', async () => {
  const [one, other] = [await open('blob-1'), await open('blob-2')];
  const bytes = randomBytes(100);
  const digest = digestOf(bytes);
  await postPut(one, bytes, digest);
  await postPut(other, bytes, digest);
  expect((await one.request('DELETE', `blobs/${digest}`)).status).toBe(202);
  expect((await one.request('HEAD', `blobs/${digest}`)).status).toBe(404);
  expect((await other.request('HEAD', `blobs/${digest}`)).status).toBe(200);
});

test('names the subject of a pushed manifest, also one that is missing', async () => {
  const repository = await open('subject');
  const subject = { mediaType: OCI_IMAGE_MANIFEST, digest: digestOf(randomBytes(9)), size: 9 };
  const reply = await push(repository, buildImage({ subject }), 'referrer');
  expect(reply.headers.get('oci-subject')).toBe(subject.digest);
});

test('keeps the referrers of a manifest that is pushed after them', async () => {
  const repository = await open('late-subject');
  const subject = buildImage();
  const referrer = buildImage({ subject: subject.descriptor, config: EMPTY_JSON, artifactType: 'a/b' });
  await push(repository, referrer, referrer.descriptor.digest);
  await push(repository, subject, 'subject');
  const reply = await repository.request('GET', `referrers/${subject.descriptor.digest}`);
  expect(JSON.parse(reply.body.toString())).toMatchObject({ manifests: [referrer.referrer] });
});

test('pages through tags in order by n, last and Link', async () => {
  const repository = await open('tags');
  const tags = ['10', '2', 'A', 'B', '_', 'a', 'b'];
  await push(repository, buildImage(), ...tags.toReversed());

  const seen: string[] = [];
  let next: string | undefined = 'tags/list?n=3';
  while (next !== undefined) {
    const reply: Reply = await repository.request(
      'GET',
      new URL(next, `${registry.url()}/v2/${repository.name}/`),
    );
    seen.push(...tagsOf(reply));
    next = /^<([^>]+)>; rel="next"$/.exec(reply.headers.get('link') ?? '')?.[1];
  }
  expect(seen).toEqual(tags);

  const last = await repository.request('GET', 'tags/list?last=B');
  expect(tagsOf(last)).toEqual(['_', 'a', 'b']);
  expect(last.headers.get('link')).toBeNull();
  const none = await repository.request('GET', 'tags/list?n=0');
  expect(tagsOf(none)).toEqual([]);
  expect(none.headers.get('link')).toBeNull();
});

test('answers a manifest over the limit with 413', async () => {
  const repository = await open('large');
  const body = Buffer.alloc(5_000_000, ' ');
  const reply = await repository.request('PUT', 'manifests/large', {
    body,
    headers: { 'content-type': OCI_IMAGE_MANIFEST },
  });
  expect(reply.status).toBe(413);
  expect(errorCodeOf(reply)).toBe('SIZE_INVALID');
});

test('challenges with quoted values, and takes the token that it points to', async () => {
  const reply = await registry.request('GET', '/v2/');
  expect(reply.status).toBe(401);
  expect(errorCodeOf(reply)).toBe('UNAUTHORIZED');
  const challenge = reply.headers.get('www-authenticate') ?? '';
  expect(challenge).toMatch(/^Bearer realm="[^"]+",service="[^"]+"/);

  const repository = await open('challenge');
  const refused = await repository.request('POST', 'blobs/uploads/', { anonymous: true });
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toContain(
    `scope="repository:${repository.name}:pull,push"`,
  );
});

test.each([
  { path: '/v2/Upper/manifests/x', status: 400, code: 'NAME_INVALID' },
  { path: '/v2/public/x/manifests/sha256:bad', status: 400, code: 'DIGEST_INVALID' },
  { path: '/v2/public/x/blobs/md5:bad', status: 400, code: 'DIGEST_INVALID' },
])('answers $path with $status $code in the body of errors', async ({ path, status, code }) => {
  const repository = await open('errors');
  const reply = await repository.request('GET', new URL(path, registry.url()));
  expect(reply.status).toBe(status);
  expect(reply.headers.get('content-type')).toMatch(/^application\/json/);
  expect(JSON.parse(reply.body.toString())).toMatchObject({
    errors: [{ code, message: expect.any(String) as string }],
  });
});

function tagsOf(reply: Reply): string[] {
  expect(reply.status).toBe(200);
  return (JSON.parse(reply.body.toString()) as { tags: string[] }).tags;
}
