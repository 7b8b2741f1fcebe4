import { randomBytes } from 'node:crypto';

import { type Digest, digestOf } from '@dockchains/oci';
import { beforeAll, describe, expect, test } from 'vitest';

import { errorCodeOf, locationOf, type Reply, type Repository, useRegistry } from './registry.ts';
import {
  beginUpload,
  chunkedMulti,
  chunkedPutLast,
  chunkedSingle,
  closeUpload,
  postOnly,
  postPut,
  sendChunk,
  stream,
} from './uploads.ts';

const registry = useRegistry();
const WAYS = {
  'post only': postOnly,
  'post+put': postPut,
  'chunked single': chunkedSingle,
  'chunked multi': chunkedMulti,
  'chunked multi and put chunk': chunkedPutLast,
  stream,
};

describe.each(['sha256', 'sha512'] as const)('%s blobs', (algorithm) => {
  let repository: Repository;
  let source: Repository;
  const random = (length = 2999): { bytes: Buffer; digest: Digest } => {
    const bytes = randomBytes(length);
    return { bytes, digest: digestOf(bytes, algorithm) };
  };

  beforeAll(async () => {
    repository = await registry.repository(`public/conformance/${algorithm}-1`);
    source = await registry.repository(`public/conformance/${algorithm}-2`);
  });

  test('get-missing', async () => {
    const reply = await repository.request('GET', `blobs/${random().digest}`);
    expect(reply.status).toBe(404);
    expect(errorCodeOf(reply)).toMatch(/^(BLOB|NAME)_UNKNOWN$/);
  });

  test.each(Object.entries(WAYS))('%s', async (_, way) => {
    const { bytes, digest } = random();
    await expectBlob(repository, await way(repository, bytes, digest), bytes, digest);
    await expectGone(repository, digest);
  });

  test.each([{ last: 'PATCH' }, { last: 'PUT' }] as const)(
    'chunked out of order, the last chunk by $last',
    async ({ last }) => {
      const { bytes, digest } = random(3000);
      let reply = await beginUpload(repository);
      for (const start of [0, 1000, 2000]) {
        const wrong = start === 2000 ? 0 : start + 1000;
        const closing = last === 'PUT' && wrong === 2000 ? ({ method: 'PUT', digest } as const) : {};
        const out = { bytes: bytes.subarray(wrong, wrong + 1000), start: wrong, ...closing };
        expect((await sendChunk(repository, reply, out)).status).toBe(416);
        reply = await expectUploadAt(repository, reply, start);

        const ending = last === 'PUT' && start === 2000 ? ({ method: 'PUT', digest } as const) : {};
        reply = await sendChunk(repository, reply, {
          bytes: bytes.subarray(start, start + 1000),
          start,
          ...ending,
        });
      }
      if (last === 'PATCH') reply = await closeUpload(repository, reply, digest);
      await expectBlob(repository, reply, bytes, digest);
    },
  );

  test('mount', async () => {
    const { bytes, digest } = random();
    expect((await postPut(source, bytes, digest)).status).toBe(201);
    const query = { mount: digest, from: source.name };
    await expectBlob(
      repository,
      await repository.request('POST', 'blobs/uploads/', { query }),
      bytes,
      digest,
    );
    await expectGone(repository, digest);
    await expectGone(source, digest);
  });

  test('mount anonymous', async () => {
    const { bytes, digest } = random();
    expect((await postPut(source, bytes, digest)).status).toBe(201);
    const query = { mount: digest };
    await expectBlob(
      repository,
      await repository.request('POST', 'blobs/uploads/', { query }),
      bytes,
      digest,
    );
  });

  test('mount missing', async () => {
    const { bytes, digest } = random();
    const query = { mount: digest, from: source.name };
    const reply = await repository.request('POST', 'blobs/uploads/', { query });
    expect(reply.status).toBe(202);
    await expectBlob(repository, await closeUpload(repository, reply, digest, bytes), bytes, digest);
  });

  test('mount without a token is answered with the scopes of both repositories', async () => {
    const { digest } = random();
    const query = { mount: digest, from: source.name };
    const reply = await repository.request('POST', 'blobs/uploads/', { query, anonymous: true });
    expect(reply.status).toBe(401);
    const scope = `scope="repository:${repository.name}:pull,push repository:${source.name}:pull"`;
    expect(reply.headers.get('www-authenticate')).toContain(scope);
  });

  test('post cancel', async () => {
    const begun = await beginUpload(repository);
    expect((await repository.request('DELETE', locationOf(begun))).status).toBe(204);
    const reply = await repository.request('GET', locationOf(begun));
    expect(reply.status).toBe(404);
    expect(errorCodeOf(reply)).toBe('BLOB_UPLOAD_UNKNOWN');
  });

  describe('range requests', () => {
    const { bytes, digest } = random(2048);

    beforeAll(async () => {
      await postPut(repository, bytes, digest);
    });

    test.each([
      { range: '500-1499', start: 500, end: 1499 },
      { range: '500-', start: 500, end: 2047 },
      { range: '-500', start: 1548, end: 2047 },
      { range: '2000-5000', start: 2000, end: 2047 },
    ])('range $range', async ({ range, start, end }) => {
      const reply = await repository.request('GET', `blobs/${digest}`, {
        headers: { range: `bytes=${range}` },
      });
      expect(reply.status).toBe(206);
      expect(reply.headers.get('content-range')).toBe(`bytes ${start}-${end}/2048`);
      expect(reply.headers.get('content-length')).toBe(String(end - start + 1));
      expect(reply.body.equals(bytes.subarray(start, end + 1))).toBe(true);
    });

    test.each(['500-0', '5000-10000'])('range %s', async (range) => {
      const reply = await repository.request('GET', `blobs/${digest}`, {
        headers: { range: `bytes=${range}` },
      });
      expect(reply.status).toBe(416);
    });
  });

  test.each([
    { name: 'empty', bytes: Buffer.alloc(0) },
    { name: 'emptyJSON', bytes: Buffer.from('{}') },
  ])('$name', async ({ bytes }) => {
    const digest = digestOf(bytes, algorithm);
    for (const way of Object.values(WAYS)) {
      await expectBlob(repository, await way(repository, bytes, digest), bytes, digest);
      await expectGone(repository, digest);
    }
  });

  test.each(Object.entries(WAYS).filter(([name]) => name !== 'chunked single'))(
    'bad digest %s',
    async (_, way) => {
      const { bytes, digest } = random();
      const reply = await way(repository, Buffer.concat([bytes, Buffer.from('oh no')]), digest);
      expect(reply.status).toBe(400);
      expect(errorCodeOf(reply)).toBe('DIGEST_INVALID');
      expect((await repository.request('HEAD', `blobs/${digest}`)).status).toBe(404);
    },
  );
});

async function expectBlob(
  repository: Repository,
  reply: Reply,
  bytes: Buffer,
  digest: Digest,
): Promise<void> {
  expect(reply.status, reply.body.toString()).toBe(201);
  expect(reply.headers.get('docker-content-digest')).toBe(digest);
  for (const [method, path] of [
    ['GET', locationOf(reply)],
    ['GET', `blobs/${digest}`],
    ['HEAD', `blobs/${digest}`],
  ] as const) {
    const got = await repository.request(method, path);
    expect(got.status).toBe(200);
    expect(got.headers.get('content-length')).toBe(String(bytes.length));
    expect(got.headers.get('docker-content-digest')).toBe(digest);
    expect(got.body.equals(method === 'GET' ? bytes : Buffer.alloc(0))).toBe(true);
  }
}

async function expectGone(repository: Repository, digest: Digest): Promise<void> {
  expect((await repository.request('DELETE', `blobs/${digest}`)).status).toBe(202);
  expect((await repository.request('HEAD', `blobs/${digest}`)).status).toBe(404);
}

/** An upload of no bytes too says `0-0`. */
async function expectUploadAt(repository: Repository, last: Reply, received: number): Promise<Reply> {
  const reply = await repository.request('GET', locationOf(last));
  expect(reply.status).toBe(204);
  expect(reply.headers.get('range')).toBe(`0-${Math.max(0, received - 1)}`);
  return reply;
}
