import { afterAll, beforeAll, expect, test } from 'vitest';

import { buildImage, startGateway, type TestGateway } from '@dockchains/testing';

let gateway: TestGateway;
let token: string;

beforeAll(async () => {
  gateway = await startGateway();
  // Clients make the scope of the name that they were given.
  token = await gateway.token(gateway.publisher, `repository:${gateway.organisation}/public/app:pull,push`);
});
afterAll(() => gateway.close());

const put = (path: string, body: Uint8Array, type: string): Promise<Response> =>
  fetch(`${gateway.url}${path}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    body,
  });

test('a repository is the same with and without the organisation before its name', async () => {
  const image = buildImage({ layers: [] });
  const named = `/v2/${gateway.organisation}/public/app`;
  for (const { bytes, descriptor } of image.blobs) {
    const pushed = await fetch(`${gateway.url}${named}/blobs/uploads/?digest=${descriptor.digest}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: bytes,
    });
    expect(pushed.status).toBe(201);
    expect(pushed.headers.get('location')).toBe(`/v2/public/app/blobs/${descriptor.digest}`);
  }
  const { mediaType, digest } = image.descriptor;
  expect((await put(`${named}/manifests/1.0`, image.bytes, mediaType)).status).toBe(201);
  for (const path of [`${named}/manifests/1.0`, '/v2/public/app/manifests/1.0']) {
    const pulled = await fetch(`${gateway.url}${path}`);
    expect(pulled.headers.get('docker-content-digest')).toBe(digest);
  }
});

test('another organisation’s repository is not pushed to, in a sentence', async () => {
  const operator = await gateway.token(gateway.operator, 'repository:globex.example/public/app:pull,push');
  const refused = await fetch(`${gateway.url}/v2/globex.example/public/app/blobs/uploads/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operator}` },
  });
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({
    errors: [{ code: 'DENIED', message: expect.stringContaining('globex.example') as unknown }],
  });
});
