import { buildImage, startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

let gateway: TestGateway;
let token = '';

beforeAll(async () => {
  gateway = await startGateway();
  token = await gateway.token(gateway.publisher, 'repository:public/app:pull,push,delete');
});
afterAll(() => gateway.close());

const call = (
  path: string,
  init: { method?: string; body?: Uint8Array<ArrayBuffer>; type?: string } = {},
): Promise<Response> =>
  fetch(new URL(path, gateway.url), {
    ...{ method: init.method ?? 'GET', body: init.body ?? null },
    headers: { authorization: `Bearer ${token}`, 'content-type': init.type ?? 'application/octet-stream' },
  });

const pushBlob = async (bytes: Buffer, digest: string): Promise<Response> => {
  const started = await call('/v2/public/app/blobs/uploads/', { method: 'POST' });
  expect(started.status).toBe(202);
  const location = started.headers.get('location') ?? '';
  return call(`${location}?digest=${digest}`, { method: 'PUT', body: new Uint8Array(bytes) });
};

test('an image that is pushed can be pulled, and a push that changes nothing gives the record it had', async () => {
  const image = buildImage();
  for (const { bytes, descriptor } of image.blobs) {
    expect((await pushBlob(bytes, descriptor.digest)).status).toBe(201);
  }
  const put = (): Promise<Response> =>
    call('/v2/public/app/manifests/1.0', {
      method: 'PUT',
      body: new Uint8Array(image.bytes),
      type: image.descriptor.mediaType,
    });
  const first = await put();
  expect(first.status, await first.text()).toBe(201);
  const second = await put();
  expect(second.headers.get('dockchains-record')).toBe(first.headers.get('dockchains-record'));

  const pulled = await fetch(new URL('/v2/public/app/manifests/1.0', gateway.url));
  expect(pulled.status).toBe(200);
  expect(Buffer.from(await pulled.arrayBuffer())).toEqual(image.bytes);
});
