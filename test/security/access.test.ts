import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';

import { type Access, createAccess } from '@dockchains/access';
import { type Database, openDatabase } from '@dockchains/database';
import { openKey } from '@dockchains/keys';
import { digestOf } from '@dockchains/oci';
import { startGateway, type TestAccount, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const HOUR_MS = 3_600_000;
const PUSH = 'repository:public/app:pull,push';
const BLOB = Buffer.from('some bytes');

let gateway: TestGateway;
let database: Database;
let genuine: Access;
let hourOld: Access;
let forger: Access;
/** All that must not be in the log. */
const secrets = new Set<string>();

beforeAll(async () => {
  gateway = await startGateway({ env: { DOCKCHAINS_LOG_LEVEL: 'debug' } });
  database = openDatabase(gateway.databaseUrl);
  const { organisation, url: publicUrl } = gateway;
  const deps = { database, organisation, publicUrl, clock: () => new Date() };
  const tokenKey = await openKey(join(gateway.dataDir, 'keys'), 'token');
  genuine = createAccess({ ...deps, tokenKey });
  hourOld = createAccess({ ...deps, tokenKey, clock: () => new Date(Date.now() - HOUR_MS) });
  forger = createAccess({ ...deps, tokenKey: generateKeyPairSync('ed25519').privateKey });
});

afterAll(async () => {
  await database.close();
  await gateway.close();
});

type Call = { token?: string; headers?: Record<string, string>; body?: Buffer };
const call = (method: string, path: string, { token, headers, body }: Call = {}): Promise<Response> =>
  fetch(new URL(path, gateway.url), {
    method,
    headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    body: body === undefined ? null : new Uint8Array(body),
  });

const basicOf = ({ username, password }: TestAccount): Record<string, string> => {
  const encoded = Buffer.from(`${username}:${password}`).toString('base64');
  secrets.add(password).add(encoded);
  return { authorization: `Basic ${encoded}` };
};

const tokenOf = async (account: TestAccount, ...scopes: readonly string[]): Promise<string> => {
  const token = await gateway.token(account, ...scopes);
  secrets.add(token);
  return token;
};

const challengeOf = (response: Response): Record<string, string> => {
  const header = response.headers.get('www-authenticate') ?? '';
  expect(header).toMatch(/^Bearer (?:[a-z]+="[^"]*",?)+$/);
  const pairs = Array.from(
    header.matchAll(/([a-z]+)="([^"]*)"/g),
    ([, name = '', value = '']) => [name, value] as const,
  );
  return Object.fromEntries<string>(pairs);
};

/** What Docker's clients do with a challenge. */
const followChallenge = async (response: Response, account?: TestAccount): Promise<Response> => {
  const { realm = '', ...parameters } = challengeOf(response);
  const query = new URLSearchParams(parameters);
  return fetch(`${realm}?${query.toString()}`, account === undefined ? {} : { headers: basicOf(account) });
};

const readToken = async (response: Response): Promise<string> => {
  expect(response.status).toBe(200);
  const { token } = (await response.json()) as { token: string };
  secrets.add(token);
  return token;
};

const startUpload = (token?: string): Promise<Response> =>
  call('POST', '/v2/public/app/blobs/uploads/', token === undefined ? {} : { token });

describe('signing in', () => {
  test('goes as docker login does it', async () => {
    const ping = await call('GET', '/v2/');
    expect(ping.status).toBe(401);
    expect(challengeOf(ping)).toEqual({ realm: `${gateway.url}/token`, service: gateway.organisation });
    const token = await readToken(await followChallenge(ping, gateway.publisher));
    expect((await call('GET', '/v2/', { token })).status).toBe(200);
  });

  test('as nobody gives a token that pings', async () => {
    const token = await readToken(await followChallenge(await call('GET', '/v2/')));
    expect((await call('GET', '/v2/', { token })).status).toBe(200);
  });

  test('fails alike for a wrong password and an unknown user', async () => {
    const ping = await call('GET', '/v2/');
    const answers = [
      await followChallenge(ping, { ...gateway.publisher, password: 'wrong-password' }),
      await followChallenge(ping, { ...gateway.publisher, username: 'nobody' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    const [first, second] = await Promise.all(answers.map((answer) => answer.text()));
    expect(first).toBe(second);
    expect(first).toContain('UNAUTHORIZED');
  });

  test('by the wrong door is answered with where the right one is', async () => {
    const ping = await call('GET', '/v2/', { headers: basicOf(gateway.publisher) });
    expect({ status: ping.status, error: challengeOf(ping).error }).toEqual({
      status: 401,
      error: 'invalid_token',
    });
  });

  test('by very many at once is slowed down for them and for nobody else', async () => {
    // Who has signed in from an address is not locked out by others who guess there.
    for (const account of [gateway.operator, gateway.publisher, gateway.reader]) await tokenOf(account);
    const wrong = { username: 'guessed', password: 'wrong-password' };
    const attempts = Array.from({ length: 300 }, () => call('GET', '/token', { headers: basicOf(wrong) }));
    expect((await call('GET', '/healthz')).status).toBe(200);
    const answers = await Promise.all(attempts);
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 401).length + refused.length).toBe(attempts.length);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(({ headers }) => headers.has('retry-after'))).toBe(true);
  });
});

describe('a token', () => {
  test('of too narrow a scope is answered with the scope to ask for', async () => {
    const narrow = await tokenOf(gateway.publisher, 'repository:public/app:pull');
    const refused = await startUpload(narrow);
    expect(refused.status).toBe(401);
    expect(challengeOf(refused)).toMatchObject({ scope: PUSH, error: 'insufficient_scope' });
    const token = await readToken(await followChallenge(refused, gateway.publisher));
    expect((await startUpload(token)).status).toBe(202);
  });

  test('is no good when it is forged, from elsewhere, or over', async () => {
    const scopes = [{ type: 'repository', name: 'public/app', actions: ['pull', 'push'] }];
    const [, payload = ''] = (await tokenOf(gateway.publisher, PUSH)).split('.');
    const unsigned = `${Buffer.from('{"alg":"none","typ":"dockchains-access+jwt"}').toString('base64url')}.${payload}.`;
    const forged = await forger.issueToken(gateway.publisher, scopes);
    const over = await hourOld.issueToken(gateway.publisher, scopes);
    for (const token of [unsigned, forged.token, over.token, 'x', '']) {
      secrets.add(token.length > 20 ? token : gateway.publisher.password);
      const answer = await startUpload(token);
      expect({ status: answer.status, error: challengeOf(answer).error }).toEqual({
        status: 401,
        error: 'invalid_token',
      });
    }
  });

  test('that ended meanwhile still ends its own upload, and nothing else', async () => {
    const scopes = [{ type: 'repository', name: 'public/app', actions: ['pull', 'push'] }];
    const over = (await hourOld.issueToken(gateway.publisher, scopes)).token;
    secrets.add(over);
    const own = (await startUpload(await tokenOf(gateway.publisher, PUSH))).headers.get('location') ?? '';
    const others = (await startUpload(await tokenOf(gateway.operator, PUSH))).headers.get('location') ?? '';

    expect((await call('PATCH', others, { token: over, body: BLOB })).status).toBe(401);
    expect((await call('PATCH', own, { token: over, body: BLOB })).status).toBe(202);
    const end = await call('PUT', `${own}?digest=${digestOf(BLOB)}`, { token: over });
    expect(end.status).toBe(201);
    expect((await call('GET', '/v2/public/app/tags/list', { token: over })).status).toBe(401);
  });

  test('is worth nothing from the moment that its account is disabled', async () => {
    const account = { username: 'leaver', password: 'leaver-password-1' };
    await genuine.createAccount({ ...account, policies: [{ pattern: 'public/**', actions: ['push'] }] });
    const token = await tokenOf(account, PUSH);
    expect((await startUpload(token)).status).toBe(202);

    await genuine.disableAccount('leaver');
    expect((await startUpload(token)).status).toBe(401);
    for (const path of ['/v2/', '/v2/_catalog', '/v2/_oci/ext/discover', '/v2/public/app/tags/list']) {
      expect({ path, status: (await call('GET', path, { token })).status }).toEqual({ path, status: 401 });
    }
    const headers = { 'content-type': 'application/json' };
    const query = Buffer.from('{"query":"{ __typename }"}');
    expect((await call('POST', '/graphql', { token, headers, body: query })).status).toBe(401);
    expect((await call('GET', '/token', { headers: basicOf(account) })).status).toBe(401);

    await genuine.enableAccount('leaver');
    expect((await startUpload(token)).status).toBe(202);
    await genuine.removePolicy('leaver', 'public/**');
    expect((await startUpload(token)).status).toBe(403);
  });
});

describe('a robot', () => {
  const ROBOT = 'robot+deploy';

  test('signs in like an account, until it is revoked', async () => {
    const policies = [{ pattern: 'public/**', actions: ['push' as const] }];
    const { secret } = await genuine.createRobot({ name: 'deploy', policies, validHours: 1 });
    const account = { username: ROBOT, password: secret };
    secrets.add(secret);
    const token = await tokenOf(account, PUSH);
    expect((await startUpload(token)).status).toBe(202);
    const wrong = { ...account, password: `${secret}x` };
    expect((await call('GET', '/token', { headers: basicOf(wrong) })).status).toBe(401);

    await genuine.revokeRobot('deploy');
    expect((await startUpload(token)).status).toBe(401);
    expect((await call('GET', '/token', { headers: basicOf(account) })).status).toBe(401);
  });

  test('whose time is over finishes not even the upload that it began', async () => {
    const policies = [{ pattern: 'public/**', actions: ['push' as const] }];
    const { secret } = await genuine.createRobot({ name: 'slow', policies, validHours: 1 });
    const account = { username: 'robot+slow', password: secret };
    const token = await tokenOf(account, PUSH);
    const upload = (await startUpload(token)).headers.get('location') ?? '';
    expect((await call('PATCH', upload, { token, body: BLOB })).status).toBe(202);
    await database.prisma.account.update({
      where: { username: account.username },
      data: { expiresAt: new Date(Date.now() - 1) },
    });
    const end = await call('PUT', `${upload}?digest=${digestOf(BLOB)}`, { token });
    expect(end.status).toBe(401);
    expect((await call('GET', '/token', { headers: basicOf(account) })).status).toBe(401);
  });
});

describe('a push', () => {
  test('needs to be signed in', async () => {
    const refused = await startUpload();
    expect(refused.status).toBe(401);
    expect(challengeOf(refused)).toMatchObject({ scope: PUSH });
    const token = await readToken(await followChallenge(refused));
    expect((await startUpload(token)).status).toBe(401);
  });

  test.each([
    { who: 'a reader', account: 'reader' as const, repository: 'public/app' },
    { who: 'a publisher elsewhere', account: 'publisher' as const, repository: 'elsewhere/app' },
    {
      who: 'an operator where no namespace rule is',
      account: 'operator' as const,
      repository: 'elsewhere/app',
    },
  ])('by $who is denied', async ({ account, repository }) => {
    const token = await tokenOf(gateway[account], `repository:${repository}:pull,push,delete`);
    for (const [method, path] of [
      ['POST', 'blobs/uploads/'],
      ['POST', `blobs/uploads/?digest=${digestOf(BLOB)}`],
      ['PUT', 'manifests/1.0'],
    ] as const) {
      const headers = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
      const body = Buffer.from('{"schemaVersion":2,"manifests":[]}');
      const answer = await call(method, `/v2/${repository}/${path}`, { token, headers, body });
      expect({ status: answer.status, body: await answer.text() }).toEqual({
        status: 403,
        body: expect.stringContaining('"DENIED"') as string,
      });
    }
  });
});

// The last one: all of the above has been logged by now.
test('no password and no token is in the log', async () => {
  const form = new URLSearchParams({ grant_type: 'password', ...gateway.publisher, scope: PUSH });
  const answer = await fetch(`${gateway.url}/token`, { method: 'POST', body: form });
  await readToken(answer);
  await gateway.stop();
  const logs = gateway.logs();
  expect(logs).toContain('/token');
  expect(secrets.size).toBeGreaterThan(10);
  expect(Array.from(secrets).filter((secret) => logs.includes(secret))).toEqual([]);
});
