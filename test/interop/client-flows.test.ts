import { buildImage, buildLayer, type Content, startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Answer, type Call, openSession, type Session } from '../registry-http.ts';
import { pushAll } from './push-all.ts';

// Clients that no system package has, by the requests that they make.
const cleanup = new AsyncDisposableStack();
let gateway: TestGateway;
let session: Session;

beforeAll(async () => {
  gateway = await startGateway();
  cleanup.defer(() => gateway.close());
  session = await openSession(gateway, 'public/flows');
});

afterAll(() => cleanup.disposeAsync());

const pathOf = ({ descriptor }: Content) => `/blobs/${descriptor.digest}`;

const startUpload = async (query = ''): Promise<string> => {
  const answer = await session.call(`/blobs/uploads/${query}`, { method: 'POST' });
  expect(answer.status).toBe(202);
  return locationOf(answer);
};

const expectTaken = async (path: string, call: Call): Promise<Answer> => {
  const answer = await session.call(path, { method: 'PUT', ...call });
  expect(answer.status).toBe(201);
  return answer;
};

const expectStored = async (blob: Content): Promise<void> => {
  const head = await session.call(pathOf(blob), { method: 'HEAD' });
  expect(head.status).toBe(200);
  expect(head.headers.get('docker-content-digest')).toBe(blob.descriptor.digest);
  expect(head.headers.get('content-length')).toBe(String(blob.bytes.length));
  const got = await session.call(pathOf(blob));
  expect(got.body).toEqual(blob.bytes);
};

describe('as go-containerregistry pushes (crane, ko, kaniko)', () => {
  test('a mount from a repository of another registry begins an upload', async () => {
    const blob = buildLayer();
    expect((await session.call(pathOf(blob), { method: 'HEAD' })).status).toBe(404);
    const from = encodeURIComponent('index.example.com/Library/Odd_Name:latest');
    const { digest } = blob.descriptor;
    const location = await startUpload(`?mount=${digest}&from=${from}&origin=index.example.com`);

    const { sent, answer } = session.stream(location, { method: 'PATCH' });
    sent.write(blob.bytes.subarray(0, 7)); // written in parts, the body has no Content-Length
    sent.end(blob.bytes.subarray(7));
    const patched = await answer;
    expect(patched.status).toBe(202);
    await expectTaken(withDigest(locationOf(patched), blob), {});
    await expectStored(blob);
  });

  test('a mount from a repository of this registry is done at once', async () => {
    const blob = buildLayer();
    await pushAll(await openSession(gateway, 'public/other'), buildImage({ layers: [blob] }), '1');
    const scopes = ['repository:public/flows:pull,push', 'repository:public/other:pull'];
    const token = await gateway.token(gateway.publisher, ...scopes);
    await expectTaken(`/blobs/uploads/?mount=${blob.descriptor.digest}&from=public%2Fother`, {
      ...{ method: 'POST', headers: { authorization: `Bearer ${token}` } },
    });
    await expectStored(blob);
  });
});

describe('as containerd pushes (Docker 29, nerdctl, BuildKit)', () => {
  test('one PUT carries the whole blob', async () => {
    const blob = buildLayer();
    const headers = { 'content-type': 'application/octet-stream' };
    const put = await expectTaken(withDigest(await startUpload(), blob), { body: blob.bytes, headers });
    expect(put.headers.get('docker-content-digest')).toBe(blob.descriptor.digest);
    await expectStored(blob);
  });

  test('the manifest is pushed by its digest before its tag', async () => {
    const image = buildImage();
    const byDigest = await pushAll(session, image, image.descriptor.digest);
    const byTag = await pushAll(session, image, 'containerd');
    for (const answer of [byDigest, byTag]) {
      expect(answer.headers.get('docker-content-digest')).toBe(image.descriptor.digest);
    }
    expect(byTag.headers.get('dockchains-record')).not.toBe(byDigest.headers.get('dockchains-record'));
  });
});

describe('as regclient pushes (regctl, regsync)', () => {
  test('an anonymous mount comes first, then one PUT', async () => {
    const blob = buildLayer();
    const mount = `?mount=${blob.descriptor.digest}`;
    await expectTaken(withDigest(await startUpload(mount), blob), { body: blob.bytes });
    await expectTaken(`/blobs/uploads/${mount}`, { method: 'POST' });
    await expectStored(blob);
  });

  test('a Content-Range that ends one too far is taken by its start, and an empty one closes', async () => {
    const blob = buildLayer();
    const size = blob.bytes.length;
    const half = Math.floor(size / 2);
    let location = await startUpload();
    for (const [start, end] of [
      [0, half],
      [half, size],
    ] as const) {
      const headers = { 'content-range': `${start}-${end}`, 'content-type': 'application/octet-stream' };
      const body = blob.bytes.subarray(start, end);
      const patched = await session.call(location, { method: 'PATCH', headers, body });
      expect(patched.status).toBe(202);
      expect(patched.headers.get('range')).toBe(`0-${end - 1}`);
      location = locationOf(patched);
    }
    const headers = { 'content-range': `${size}-${size}` };
    await expectTaken(withDigest(location, blob), { body: Buffer.alloc(0), headers });
    await expectStored(blob);
  });
});

function locationOf({ headers }: Answer): string {
  const location = headers.get('location');
  if (location === null) throw new Error('The answer has no Location.');
  return location;
}

function withDigest(location: string, { descriptor }: Content): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(descriptor.digest)}`;
}
