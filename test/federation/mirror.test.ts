import { randomBytes } from 'node:crypto';

import { OCI_LAYER_GZIP } from '@dockchains/oci';
import {
  buildImage,
  type BuiltManifest,
  contentOf,
  makePeers,
  startGateway,
  type TestGateway,
} from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createWorkplace, type Workplace } from '../../apps/cli/test-io.ts';
import { pushImage } from '../registry-http.ts';

const cleanup = new AsyncDisposableStack();
let acme: TestGateway;
let globex: TestGateway;
let friend: Workplace;
let stranger: Workplace;

beforeAll(async () => {
  [acme, globex] = await Promise.all([startGateway(), startGateway({ organisation: 'globex.example' })]);
  cleanup.defer(() => globex.close());
  cleanup.defer(() => acme.close());
  await makePeers(acme, globex);
  [friend, stranger] = await Promise.all([workplaceOf(acme, globex), workplaceOf(globex)]);
});
afterAll(() => cleanup.disposeAsync());

const layerBytes = 5 * 1024 * 1024;
const newImage = (): BuiltManifest =>
  buildImage({ layers: [contentOf(randomBytes(layerBytes), OCI_LAYER_GZIP)] });

const push = (tag: string, image: BuiltManifest): Promise<void> =>
  pushImage(acme, { repository: 'public/app', tag }, image);

const atGlobex = (path: string): Promise<Response> =>
  fetch(`${globex.url}/v2/acme.example/public/app/${path}`);

const mirrored = (tag: string, { descriptor }: BuiltManifest): Promise<void> =>
  expect
    .poll(async () => (await atGlobex(`manifests/${tag}`)).headers.get('docker-content-digest'), {
      interval: 50,
    })
    .toBe(descriptor.digest);

const workplaceOf = async (...known: readonly TestGateway[]): Promise<Workplace> => {
  const place = await createWorkplace();
  cleanup.defer(() => place.remove());
  place.io.fetch = globalThis.fetch;
  for (const { host } of known) await place.run('login', host);
  return place;
};

// Whoever knows acme's key is told by globex what acme recorded; whoever does not, believes nothing.
const verifiesAtGlobex = async (tag: string, { descriptor }: BuiltManifest): Promise<void> => {
  const reference = `${globex.host}/acme.example/public/app:${tag}`;
  const verified = await friend.run('verify', reference);
  expect(verified).toMatchObject({ exitCode: 0, stderr: '' });
  expect(verified.stdout).toMatch(/^Verified: acme\.example recorded at index \d+ that principal/);
  expect(verified.stdout).toContain(`set public/app:${tag} to ${descriptor.digest}`);
  expect((await friend.run('inspect', reference)).stdout).toContain('acme.example/ledger/public, mirrored');
  const refused = await stranger.run('verify', reference);
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect((await friend.run('verify', `${globex.host}/acme.example/public/app:none`)).exitCode).toBe(1);
};

test('what is pushed to acme can be pulled from globex under acme’s name, byte for byte', async () => {
  const image = newImage();
  await push('1.0', image);
  await mirrored('1.0', image);
  const manifest = await atGlobex('manifests/1.0');
  expect(Buffer.from(await manifest.arrayBuffer()).equals(image.bytes)).toBe(true);
  expect(Number(manifest.headers.get('age'))).toBeLessThan(60);
  const named = await fetch(`${globex.url}/v2/public/app/manifests/1.0?ns=${acme.host}`);
  expect(named.headers.get('oci-namespace')).toBe(acme.host);
  expect(Buffer.from(await named.arrayBuffer()).equals(image.bytes)).toBe(true);
  for (const { descriptor, bytes } of image.blobs) {
    const blob = await atGlobex(`blobs/${descriptor.digest}`);
    expect(Buffer.from(await blob.arrayBuffer()).equals(bytes)).toBe(true);
  }
});

test('while acme is away globex gives what it has, and says of nothing else that it is absent', async () => {
  const [kept, unpulled] = [newImage(), newImage()];
  await push('kept', kept);
  await mirrored('kept', kept);
  for (const { descriptor } of kept.blobs) {
    await (await atGlobex(`blobs/${descriptor.digest}`)).arrayBuffer();
  }
  await push('unpulled', unpulled);
  await mirrored('unpulled', unpulled);
  await acme.stop();
  await verifiesAtGlobex('kept', kept);

  for (const { descriptor, bytes } of kept.blobs) {
    const blob = await atGlobex(`blobs/${descriptor.digest}`);
    expect(Buffer.from(await blob.arrayBuffer()).equals(bytes)).toBe(true);
  }
  const tags = await atGlobex('tags/list');
  expect(await tags.json()).toMatchObject({ tags: expect.arrayContaining(['kept', 'unpulled']) as string[] });
  expect(tags.headers.has('age')).toBe(true);
  const missing = unpulled.blobs.at(-1)?.descriptor.digest ?? '';
  const refused = await atGlobex(`blobs/${missing}`);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).not.toBeNull();

  await acme.restart();
  await expect.poll(async () => (await atGlobex(`blobs/${missing}`)).status, { interval: 100 }).toBe(200);
});

test('a push to globex under acme’s name is refused with a sentence, and a deletion at acme follows', async () => {
  const image = newImage();
  await push('doomed', image);
  await mirrored('doomed', image);
  const token = await globex.token(globex.operator, 'repository:acme.example/public/app:pull,push');
  const refused = await fetch(`${globex.url}/v2/acme.example/public/app/manifests/doomed`, {
    ...{ method: 'PUT', body: image.bytes },
    headers: { authorization: `Bearer ${token}`, 'content-type': image.descriptor.mediaType },
  });
  expect(refused.status).toBe(403);
  expect(await refused.text()).toContain('acme.example');

  const publisher = await acme.token(acme.publisher, 'repository:public/app:pull,push,delete');
  const deleted = await fetch(`${acme.url}/v2/public/app/manifests/doomed`, {
    ...{ method: 'DELETE', headers: { authorization: `Bearer ${publisher}` } },
  });
  expect(deleted.status).toBe(202);
  await expect.poll(async () => (await atGlobex('manifests/doomed')).status, { interval: 50 }).toBe(404);
});
