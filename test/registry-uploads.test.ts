import { once } from 'node:events';

import { type Database, openDatabase } from '@dockchains/database';
import { startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { beginUpload, openSession, randomBlob, type Session } from './registry-http.ts';

let gateway: TestGateway;
let session: Session;
let database: Database;

beforeAll(async () => {
  gateway = await startGateway();
  session = await openSession(gateway, 'public/uploads');
  database = openDatabase(gateway.databaseUrl);
});
afterAll(async () => {
  await database.close();
  await gateway.close();
});

const FIND_LOCK = {
  name: 'test-find-upload-lock',
  text: `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
         WHERE locktype = 'advisory' AND granted AND datname = current_database()
           AND classid = $1::bigint::oid AND objid = $2::bigint::oid`,
};

/** Waits until a request is writing to an upload: its lock is held, whose key is the first 8 bytes of the upload's id. */
const isWriting = async (upload: string): Promise<void> => {
  const id = /[0-9a-f]{32}/.exec(upload)?.[0] ?? '';
  const key = [id.slice(0, 8), id.slice(8, 16)].map((hex) => Number.parseInt(hex, 16));
  const held = async (): Promise<number> => (await database.query(FIND_LOCK, key)).length;
  await expect.poll(held, { interval: 10 }).toBe(1);
};

const rangeOf = async (upload: string): Promise<string | null> => {
  const { status, headers } = await session.call(upload);
  expect(status).toBe(204);
  return headers.get('range');
};

const chunk = (start: number, end: number): Record<string, string> => ({
  'content-range': `${start}-${end - 1}`,
});

test('a chunk out of order is answered 416 with where the upload stands, and the upload goes on', async () => {
  const { bytes, digest } = randomBlob(3000);
  const upload = await beginUpload(session);
  const part = (start: number, end: number, method = 'PATCH', path = upload) =>
    session.call(path, { method, body: bytes.subarray(start, end), headers: chunk(start, end) });

  expect((await part(1000, 2000)).status).toBe(416);
  expect(await rangeOf(upload)).toBe('0-0');
  expect((await part(0, 1000)).status).toBe(202);
  const early = await part(2000, 3000);
  expect(early.status).toBe(416);
  expect(early.headers.get('range')).toBe('0-999');
  expect(early.headers.get('location')).toBe(upload);
  expect((await part(2000, 3000, 'PUT', `${upload}?digest=${digest}`)).status).toBe(416);
  expect((await part(1000, 2000)).headers.get('range')).toBe('0-1999');
  expect((await part(2000, 3000, 'PUT', `${upload}?digest=${digest}`)).status).toBe(201);
  expect((await session.call(`/blobs/${digest}`)).body).toEqual(bytes);
  expect((await session.call(upload)).status).toBe(404);
});

test('an end that is off by one does no harm: what arrived counts', async () => {
  const { bytes, digest } = randomBlob(1000);
  const upload = await beginUpload(session);
  const headers = { 'content-range': '0-1000' };
  expect((await session.call(upload, { method: 'PATCH', body: bytes, headers })).headers.get('range')).toBe(
    '0-999',
  );
  const closing = { method: 'PUT', headers: { 'content-range': '1000-1000' } };
  expect((await session.call(`${upload}?digest=${digest}`, closing)).status).toBe(201);
});

test('a digest that does not fit leaves the upload as it was', async () => {
  const { bytes, digest } = randomBlob(1000);
  const upload = await beginUpload(session);
  await session.call(upload, { method: 'PATCH', body: bytes });
  const wrong = await session.call(`${upload}?digest=${randomBlob(10).digest}`, { method: 'PUT' });
  expect(wrong.status).toBe(400);
  expect((await session.call(`${upload}?digest=${digest}`, { method: 'PUT' })).status).toBe(201);
});

test('of two concurrent chunks one is taken, and the other is told where the upload stands', async () => {
  const { bytes, digest } = randomBlob(200_000);
  const upload = await beginUpload(session);
  const slow = session.stream(upload, { method: 'PATCH' });
  slow.sent.write(bytes.subarray(0, 100_000));
  await isWriting(upload);
  const refused = await session.call(upload, {
    method: 'PATCH',
    body: bytes,
    headers: chunk(0, bytes.length),
  });
  expect(refused.status).toBe(416);
  expect(refused.headers.get('range')).toBe('0-0');

  slow.sent.end(bytes.subarray(100_000));
  expect((await slow.answer).headers.get('range')).toBe('0-199999');
  expect((await session.call(`${upload}?digest=${digest}`, { method: 'PUT' })).status).toBe(201);
});

test('what arrived of a request that broke off is kept, and the upload goes on from there', async () => {
  const { bytes, digest } = randomBlob(300_000);
  const upload = await beginUpload(session);
  const broken = session.stream(upload, { method: 'PATCH' });
  broken.sent.write(bytes.subarray(0, 100_000));
  await isWriting(upload);
  broken.sent.destroy();
  await expect(broken.answer).rejects.toThrow();

  await expect.poll(() => rangeOf(upload)).not.toBe('0-0');
  const kept = Number((await rangeOf(upload))?.slice(2)) + 1;
  expect(kept).toBeLessThanOrEqual(100_000);
  const rest = { method: 'PATCH', body: bytes.subarray(kept), headers: chunk(kept, bytes.length) };
  expect((await session.call(upload, rest)).status).toBe(202);
  expect((await session.call(`${upload}?digest=${digest}`, { method: 'PUT' })).status).toBe(201);
});

test('uploads go on after the gateway was killed, whether row or file has what they received', async () => {
  const uploads = await Promise.all(
    [
      [1_000, 2_000],
      [1_000, 200_000],
      [120_000, 200_000],
    ].map(async ([sent = 0, length = 0]) => {
      const path = await beginUpload(session);
      const { bytes, digest } = randomBlob(length);
      const first = { method: 'PATCH', body: bytes.subarray(0, sent) };
      expect((await session.call(path, first)).status).toBe(202);
      return { path, bytes, digest, sent };
    }),
  );
  await gateway.kill9();
  await gateway.restart();

  for (const { path, bytes, digest, sent } of uploads) {
    expect(await rangeOf(path)).toBe(`0-${sent - 1}`);
    const rest = { method: 'PUT', body: bytes.subarray(sent), headers: chunk(sent, bytes.length) };
    expect((await session.call(`${path}?digest=${digest}`, rest)).status).toBe(201);
    expect((await session.call(`/blobs/${digest}`)).body).toEqual(bytes);
  }
});

test('an upload of another principal is unknown, whoever asks', async () => {
  const upload = await beginUpload(session);
  const token = await gateway.token(gateway.operator, 'repository:public/uploads:pull,push');
  const headers = { authorization: `Bearer ${token}` };
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    expect((await session.call(upload, { method, headers })).status).toBe(404);
  }
  expect((await session.call(upload, { method: 'DELETE' })).status).toBe(204);
  expect((await session.call(upload)).status).toBe(404);
});

test('a gateway that is told to stop finishes the upload under way first', async () => {
  const { bytes, digest } = randomBlob(200_000);
  const upload = await beginUpload(session);
  const { sent, answer } = session.stream(`${upload}?digest=${digest}`, { method: 'PUT' });
  sent.write(bytes.subarray(0, 100_000));
  await isWriting(upload);
  const ended = once(gateway.process, 'exit');
  gateway.process.kill('SIGTERM');
  await expect.poll(() => gateway.logs()).toContain('"stopping"');
  await expect(session.call('/tags/list')).rejects.toThrow();

  sent.end(bytes.subarray(100_000));
  expect((await answer).status).toBe(201);
  expect(await ended).toEqual([0, null]);
  await gateway.restart();
  expect((await session.call(`/blobs/${digest}`)).body).toEqual(bytes);
});
