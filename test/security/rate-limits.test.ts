import { startGateway, type TestAccount, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// So few that none comes back while a slow machine asks: one more is allowed after 6 seconds, 15 and 20.
const RATE = 10;
const ACCOUNT_RATE = 4;
const FAILURES = 3;

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    env: {
      DOCKCHAINS_TRUSTED_PROXIES: '127.0.0.1',
      DOCKCHAINS_RATE_LIMIT_ADDRESS: `${RATE}`,
      DOCKCHAINS_RATE_LIMIT_GRAPHQL: `${RATE}`,
      DOCKCHAINS_RATE_LIMIT_TOKEN: `${RATE}`,
      DOCKCHAINS_RATE_LIMIT_ACCOUNT: `${ACCOUNT_RATE}`,
      DOCKCHAINS_RATE_LIMIT_FAILED_SIGN_INS: `${FAILURES}`,
    },
  });
});
afterAll(() => gateway.close());

type Call = { method?: string; headers?: Record<string, string>; body?: string };

/** Asks as if from the address, which the proxy on this machine says. */
const ask = (path: string, from: string, { headers, ...init }: Call = {}): Promise<Response> =>
  fetch(new URL(path, gateway.url), { ...init, headers: { ...headers, 'x-forwarded-for': from } });

const statusesOf = async (times: number, request: () => Promise<Response>): Promise<number[]> => {
  const statuses: number[] = [];
  for (let n = 0; n < times; n++) {
    const answer = await request();
    await answer.arrayBuffer();
    statuses.push(answer.status);
  }
  return statuses;
};

const basicOf = ({ username, password }: TestAccount): Call => ({
  headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
});

const GRAPHQL: Call = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"query":"{ __typename }"}',
};

describe('an address', () => {
  test.each([
    { name: '/v2/', path: '/v2/public/app/tags/list', from: '192.0.2.1', status: 401 },
    { name: '/log', path: '/log/public/checkpoint', from: '192.0.2.2', status: 200 },
    { name: '/token', path: '/token', from: '192.0.2.3', status: 200 },
    { name: 'nothing', path: '/nothing', from: '192.0.2.4', status: 404 },
  ])('that asks $name too often is refused, and others are not', async ({ path, from, status }) => {
    const statuses = await statusesOf(RATE, () => ask(path, from));
    expect(statuses).toEqual(Array.from({ length: RATE }, () => status));
    const refused = await ask(path, from);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ errors: [{ code: 'TOOMANYREQUESTS' }] });
    expect((await ask(path, '192.0.2.99')).status).toBe(status);
  });

  test('that asks /graphql too often is refused in the words of GraphQL', async () => {
    const statuses = await statusesOf(RATE, () => ask('/graphql', '192.0.2.5', GRAPHQL));
    expect(new Set(statuses)).toEqual(new Set([200]));
    const refused = await ask('/graphql', '192.0.2.5', GRAPHQL);
    expect(refused.status).toBe(429);
    expect(refused.headers.has('retry-after')).toBe(true);
    expect(await refused.json()).toMatchObject({
      errors: [{ extensions: { code: 'TOO_MANY_REQUESTS' } }],
    });
  });

  test('is a whole /64 network where it is of IPv6', async () => {
    let host = 0;
    const next = () => ask('/log/public/checkpoint', `2001:db8:1:2::${(host++).toString(16)}`);
    expect(new Set(await statusesOf(RATE, next))).toEqual(new Set([200]));
    expect((await next()).status).toBe(429);
    expect((await ask('/log/public/checkpoint', '2001:db8:1:3::1')).status).toBe(200);
  });

  test.each(['/healthz', '/readyz', '/metrics'])('may ask %s as often as it likes', async (path) => {
    const statuses = await statusesOf(2 * RATE, () => ask(path, '192.0.2.6'));
    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});

test('an account that asks too often is refused wherever it asks from, and others are not', async () => {
  const tokenOf = async (account: TestAccount): Promise<Call> => {
    const answer = await ask('/token', '192.0.2.50', basicOf(account));
    const { token } = (await answer.json()) as { token: string };
    return { headers: { authorization: `Bearer ${token}` } };
  };
  const publisher = await tokenOf(gateway.publisher);
  let host = 100;
  const next = () => ask('/v2/', `192.0.2.${host++}`, publisher);
  expect(new Set(await statusesOf(ACCOUNT_RATE, next))).toEqual(new Set([200]));
  const refused = await next();
  expect(refused.status).toBe(429);
  expect(refused.headers.has('retry-after')).toBe(true);
  const request = { ...GRAPHQL, headers: { ...GRAPHQL.headers, ...publisher.headers } };
  expect((await ask('/graphql', '192.0.2.200', request)).status).toBe(429);
  expect((await ask('/log/private/tile/0/000', '192.0.2.202', publisher)).status).toBe(429);
  expect((await ask('/v2/', '192.0.2.201', await tokenOf(gateway.reader))).status).toBe(200);
});

describe('who guesses passwords', () => {
  const guess = (username: string, from: string): Promise<Response> =>
    ask('/token', from, basicOf({ username, password: 'a wrong password' }));

  test.each([
    { who: 'an account', username: 'operator', at: 1 },
    { who: 'nobody', username: 'no-such-account', at: 2 },
    { who: 'no robot', username: 'robot+no-such', at: 3 },
  ])('of $who is refused after a few, from anywhere', async ({ username, at }) => {
    let host = 0;
    const next = () => guess(username, `198.51.${at}.${host++}`);
    expect(await statusesOf(FAILURES + 1, next)).toEqual([401, 401, 401, 429]);
    const refused = await next();
    expect(refused.headers.has('retry-after')).toBe(true);
    const body = await refused.text();
    expect(body).toContain('TOOMANYREQUESTS');
    expect(body).not.toContain(username);
  });

  test('of many names is refused after a few, from one address', async () => {
    let name = 0;
    const next = () => guess(`name-${name++}`, '203.0.113.7');
    expect(await statusesOf(FAILURES + 1, next)).toEqual([401, 401, 401, 429]);
  });

  test('does not lock out who signed in from elsewhere before', async () => {
    const signIn = () => ask('/token', '203.0.113.8', basicOf(gateway.publisher));
    expect((await signIn()).status).toBe(200);
    let host = 20;
    await statusesOf(FAILURES + 1, () => guess(gateway.publisher.username, `203.0.113.${host++}`));
    expect((await guess(gateway.publisher.username, '203.0.113.99')).status).toBe(429);
    expect((await signIn()).status).toBe(200);
  });
});
