import { type Access, createAccess } from '@dockchains/access';
import { type Database, openDatabase } from '@dockchains/database';
import { openKey } from '@dockchains/keys';
import { buildImage, startGateway, type TestAccount, type TestGateway } from '@dockchains/testing';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const HIDDEN = 'secret/app';
const ABSENT = 'absent/app';
const INSIDER: TestAccount = { username: 'insider', password: 'insider-password-1' };

const image = buildImage();
const { digest } = image.descriptor;
const layer = image.blobs[1]?.descriptor.digest ?? '';

let gateway: TestGateway;
let database: Database;
let access: Access;

beforeAll(async () => {
  gateway = await startGateway();
  database = openDatabase(gateway.databaseUrl);
  const tokenKey = await openKey(join(gateway.dataDir, 'keys'), 'token');
  const { organisation, url: publicUrl } = gateway;
  access = createAccess({ database, tokenKey, organisation, publicUrl, clock: () => new Date() });
  await access.createAccount({ ...INSIDER, policies: [{ pattern: 'secret/**', actions: ['pull'] }] });

  const token = await gateway.token(gateway.publisher, 'repository:public/tmp:pull,push');
  for (const { bytes, descriptor } of image.blobs) {
    const path = `/v2/public/tmp/blobs/uploads/?digest=${descriptor.digest}`;
    expect((await call('POST', path, token, bytes)).status).toBe(201);
  }
  const put = await call(
    'PUT',
    '/v2/public/tmp/manifests/1.0',
    token,
    image.bytes,
    image.descriptor.mediaType,
  );
  expect(put.status).toBe(201);
  // There is no ledger for hidden repositories yet: one is made by hand.
  await database.prisma.repository.update({
    where: { name: 'public/tmp' },
    data: { name: HIDDEN, visibility: 'private' },
  });
});

afterAll(async () => {
  await database.close();
  await gateway.close();
});

const call = (
  method: string,
  path: string,
  token?: string,
  body?: Buffer,
  type = 'application/octet-stream',
): Promise<Response> =>
  fetch(new URL(path, gateway.url), {
    method,
    headers: { 'content-type': type, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: body === undefined ? null : new Uint8Array(body),
  });

const READS = [
  ['GET', `manifests/1.0`],
  ['HEAD', `manifests/1.0`],
  ['GET', `manifests/none`],
  ['GET', `manifests/${digest}`],
  ['HEAD', `manifests/${digest}`],
  ['GET', `blobs/${layer}`],
  ['HEAD', `blobs/${layer}`],
  ['GET', 'tags/list'],
  ['GET', 'tags/list?n=1&last=0'],
  ['GET', `referrers/${digest}`],
] as const;
const WRITES = [
  ['POST', 'blobs/uploads/'],
  ['POST', `blobs/uploads/?mount=${layer}&from=public/other`],
  ['POST', `blobs/uploads/?digest=${layer}`],
  ['GET', `blobs/uploads/${'0'.repeat(32)}`],
  ['PATCH', `blobs/uploads/${'0'.repeat(32)}`],
  ['PUT', `blobs/uploads/${'0'.repeat(32)}?digest=${layer}`],
  ['DELETE', `blobs/uploads/${'0'.repeat(32)}`],
  ['PUT', 'manifests/1.0'],
  ['DELETE', 'manifests/1.0'],
  ['DELETE', `manifests/${digest}`],
  ['DELETE', `blobs/${layer}`],
] as const;

const describeAnswer = async (response: Response, repository: string): Promise<unknown> => {
  const headers = [...response.headers].filter(([name]) => name !== 'date');
  return JSON.parse(
    JSON.stringify({ status: response.status, headers, body: await response.text() }).replaceAll(
      repository,
      'NAME',
    ),
  );
};

describe('a hidden repository is like one that does not exist', () => {
  test.each([
    { who: 'nobody', account: undefined, read: 401, write: 401 },
    { who: 'a reader of other things', account: 'reader' as const, read: 404, write: 403 },
  ])('to $who', async ({ account, read, write }) => {
    const scopes = [HIDDEN, ABSENT].map((name) => `repository:${name}:pull,push,delete`);
    const token = account === undefined ? undefined : await gateway.token(gateway[account], ...scopes);
    const routes = [
      ...READS.map((route) => ({ route, status: read })),
      ...WRITES.map((route) => ({ route, status: write })),
    ];
    for (const { route, status } of routes) {
      const [method, path] = route;
      const body = method === 'PUT' || method === 'PATCH' || method === 'POST' ? image.bytes : undefined;
      const ask = (name: string): Promise<Response> =>
        call(method, `/v2/${name}/${path}`, token, body, image.descriptor.mediaType);
      const hidden = await describeAnswer(await ask(HIDDEN), HIDDEN);
      const absent = await describeAnswer(await ask(ABSENT), ABSENT);
      expect({ route, answer: hidden }).toEqual({ route, answer: absent });
      expect({ route, answer: hidden }).toMatchObject({ route, answer: { status } });
    }
  });

  test('in a token’s scope', async () => {
    for (const name of [HIDDEN, ABSENT]) {
      const query = `scope=repository:${name}:pull`;
      expect(await (await call('GET', `/token?${query}`)).json()).toMatchObject({ scope: '' });
    }
  });

  test('in the list of repositories', async () => {
    const token = await gateway.token(gateway.reader, 'registry:catalog:*');
    for (const asking of [undefined, token]) {
      expect(await (await call('GET', '/v2/_catalog', asking)).text()).not.toContain(HIDDEN);
    }
    const insider = await gateway.token(INSIDER, 'registry:catalog:*');
    expect(await (await call('GET', '/v2/_catalog', insider)).json()).toMatchObject({
      repositories: [HIDDEN],
    });
  });

  test.each([`&from=${HIDDEN}`, `&from=${ABSENT}`, ''])('to a mount with %j', async (from) => {
    const token = await gateway.token(
      gateway.publisher,
      'repository:public/app:pull,push',
      `repository:${HIDDEN}:pull`,
    );
    const answer = await call('POST', `/v2/public/app/blobs/uploads/?mount=${layer}${from}`, token);
    expect(answer.status).toBe(202);
  });
});

test('who may read it reads all of it and writes nothing', async () => {
  const token = await gateway.token(INSIDER, `repository:${HIDDEN}:pull,push,delete`);
  for (const [method, path] of READS.filter(([, path]) => path !== 'manifests/none')) {
    expect({ path, status: (await call(method, `/v2/${HIDDEN}/${path}`, token)).status }).toEqual({
      path,
      status: 200,
    });
  }
  for (const [method, path] of WRITES) {
    expect({ path, status: (await call(method, `/v2/${HIDDEN}/${path}`, token)).status }).toEqual({
      path,
      status: 403,
    });
  }
});

test('anybody reads what is public, and nobody deletes it without being signed in', async () => {
  await database.prisma.repository.update({ where: { name: HIDDEN }, data: { visibility: 'public' } });
  for (const [method, path] of READS.filter(([, path]) => path !== 'manifests/none')) {
    expect({ path, status: (await call(method, `/v2/${HIDDEN}/${path}`)).status }).toEqual({
      path,
      status: 200,
    });
  }
  for (const [method, path] of WRITES) {
    expect({ path, status: (await call(method, `/v2/${HIDDEN}/${path}`)).status }).toEqual({
      path,
      status: 401,
    });
  }
});
