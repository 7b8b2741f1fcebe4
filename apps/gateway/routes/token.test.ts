import { type Access, AccessError } from '@dockchains/access';
import { OciError } from '@dockchains/oci';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { registerToken } from './token.ts';

type Asked = Parameters<Access['issueToken']>;

let server: FastifyInstance;
let asked: Asked[];
let logged: string;

beforeEach(() => {
  asked = [];
  logged = '';
  const stream = { write: (line: string): void => void (logged += line) };
  server = fastify({ logger: { level: 'trace', stream } });
  server.setErrorHandler((error, _request, reply) => {
    if (error instanceof OciError) return reply.code(error.status).send({ code: error.code });
    if (error instanceof AccessError) return reply.code(401).send({ code: error.code });
    return reply.send(error);
  });
  const issueToken: Access['issueToken'] = (...asking) => {
    asked.push(asking);
    const issuedAt = new Date('2026-01-01T00:00:00Z');
    return Promise.resolve({ token: 'h.p.s', expiresInSeconds: 300, issuedAt, granted: asking[1] });
  };
  registerToken(server, { access: { issueToken }, config: { organisation: 'acme.example' } });
});

afterEach(() => server.close());

const basic = (text: string): { authorization: string } => ({
  authorization: `Basic ${Buffer.from(text).toString('base64')}`,
});
const post = (form: Record<string, string>): ReturnType<typeof request> =>
  request({
    method: 'POST',
    url: '/token',
    payload: new URLSearchParams(form).toString(),
    type: 'application/x-www-form-urlencoded',
  });
const request = async (options: {
  method?: 'GET' | 'POST';
  url: string;
  payload?: string;
  type?: string;
  headers?: Record<string, string>;
}): Promise<{ status: number; body: unknown; headers: Record<string, unknown> }> => {
  const { method = 'GET', url, payload, type, headers } = options;
  const response = await server.inject({
    method,
    url,
    ...(payload !== undefined && { payload }),
    headers: { ...headers, ...(type !== undefined && { 'content-type': type }) },
  });
  return { status: response.statusCode, body: response.json(), headers: response.headers };
};

describe('GET /token', () => {
  test('gives a token under both of its names, and forbids to keep it', async () => {
    const { status, body, headers } = await request({
      url: '/token?service=acme.example&account=alice&scope=repository:a/b:pull',
      headers: basic('alice:pass:word'),
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      token: 'h.p.s',
      access_token: 'h.p.s',
      expires_in: 300,
      issued_at: '2026-01-01T00:00:00.000Z',
      scope: 'repository:a/b:pull',
    });
    expect(headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(asked).toEqual([
      [
        { username: 'alice', password: 'pass:word' },
        [{ type: 'repository', name: 'a/b', actions: ['pull'] }],
        '127.0.0.1',
      ],
    ]);
  });

  test.each([
    'scope=repository:x:pull&scope=repository:x:pull,push',
    'scope=repository:x:pull%20repository:x:pull,push',
    'scope=repository:x:pull+repository:x:push',
  ])('unites the scopes of %s', async (query) => {
    expect((await request({ url: `/token?${query}` })).status).toBe(200);
    expect(asked).toEqual([
      [undefined, [{ type: 'repository', name: 'x', actions: ['pull', 'push'] }], '127.0.0.1'],
    ]);
  });

  test.each([
    { name: 'another service', query: 'service=globex.example', status: 400 },
    { name: 'two services', query: 'service=acme.example&service=acme.example', status: 400 },
    { name: 'a scope of no form', query: 'scope=repository', status: 400 },
    {
      name: 'too many scopes',
      query: Array.from({ length: 101 }, (_, n) => `scope=repository:a${n}:pull`).join('&'),
      status: 400,
    },
  ])('refuses $name', async ({ query, status }) => {
    expect((await request({ url: `/token?${query}` })).status).toBe(status);
    expect(asked).toEqual([]);
  });

  test.each(['Bearer h.p.s', 'Basic', 'Basic !', 'Basic YWxpY2U=', ''])(
    'does not take %j for anonymous',
    async (authorization) => {
      const { status, body } = await request({ url: '/token', headers: { authorization } });
      expect({ status, body }).toEqual({ status: 401, body: { code: 'BAD_CREDENTIALS' } });
    },
  );
});

describe('POST /token', () => {
  test('gives a token for a password', async () => {
    const form = { grant_type: 'password', client_id: 'docker', username: 'alice', password: 'pä ss' };
    const { status, body } = await post({
      ...form,
      service: 'acme.example',
      scope: 'repository:a:pull repository:b:push',
    });
    expect({ status, body }).toMatchObject({ status: 200, body: { access_token: 'h.p.s' } });
    expect(asked).toEqual([
      [
        { username: 'alice', password: 'pä ss' },
        [
          { type: 'repository', name: 'a', actions: ['pull'] },
          { type: 'repository', name: 'b', actions: ['push'] },
        ],
        '127.0.0.1',
      ],
    ]);
  });

  test.each([
    { form: { grant_type: 'refresh_token', refresh_token: 'x' }, error: 'unsupported_grant_type' },
    { form: { grant_type: 'authorization_code', code: 'x' }, error: 'unsupported_grant_type' },
    { form: { username: 'alice', password: 'x' }, error: 'unsupported_grant_type' },
    { form: { grant_type: 'password', username: 'alice' }, error: 'invalid_request' },
  ])('refuses $form as $error', async ({ form, error }) => {
    const { status, body } = await post(form);
    expect({ status, body }).toMatchObject({ status: 400, body: { error } });
    expect(asked).toEqual([]);
  });

  test('refuses a form of more than 16 KiB', async () => {
    const form = { grant_type: 'password', username: 'alice', password: 'x'.repeat(16_384) };
    expect((await post(form)).status).toBe(413);
  });

  test('refuses what is no form', async () => {
    const { status } = await request({
      method: 'POST',
      url: '/token',
      payload: '{}',
      type: 'application/json',
    });
    expect(status).toBe(400);
  });
});

test('no password and no token is logged', async () => {
  await request({ url: '/token', headers: basic('alice:secret-secret') });
  await post({ grant_type: 'password', username: 'alice', password: 'secret-secret' });
  expect(asked).toHaveLength(2);
  expect(logged).toContain('/token');
  expect(logged).not.toMatch(/secret-secret|h\.p\.s/);
  expect(logged).not.toContain(basic('alice:secret-secret').authorization.slice(6));
});
