import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { send } from './http.ts';
import { openSession, verifyCredentials } from './session.ts';
import { findChallenge } from './token.ts';

const CREDENTIALS = { username: 'ada', password: 'se:cret' };

let server: ReturnType<typeof createServer>;
let url: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests: IncomingMessage[];

beforeEach(async () => {
  requests = [];
  answer = guarded;
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // listen() on a host and port gives an address with a port, never a pipe's name.
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A gateway that wants the token "T-<scopes>" and gives it for ada's password. */
function guarded(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '', url);
  if (pathname === '/token') {
    const expected = `Basic ${Buffer.from('ada:se:cret').toString('base64')}`;
    response.statusCode = request.headers.authorization === expected ? 200 : 401;
    const token = `T-${searchParams.getAll('scope').join('+')}`;
    const body = { token, expires_in: 300 };
    const refused = { errors: [{ code: 'UNAUTHORIZED', message: 'wrong \u{1b}[31mpassword' }] };
    response.end(JSON.stringify(response.statusCode === 200 ? body : refused));
    return;
  }
  if (request.headers.authorization?.startsWith('Bearer T-') === true) {
    response.end(request.headers.authorization);
    return;
  }
  response.setHeader(
    'www-authenticate',
    `Bearer realm="${url}/token",service="acme",scope="repository:app:pull"`,
  );
  response.statusCode = 401;
  response.end();
}

test('answers a challenge with a token, and keeps it', async () => {
  const session = openSession({ url, credentials: CREDENTIALS });
  const first = await session.request({ path: '/v2/app/tags/list', maxBytes: 100 });
  await session.request({ path: '/v2/app/tags/list', maxBytes: 100 });
  expect(new TextDecoder().decode(first.bytes)).toBe('Bearer T-repository:app:pull');
  expect(requests.filter((request) => request.url?.startsWith('/token') === true)).toHaveLength(1);
});

test('sends a token of the wanted scope where nothing asks for one', async () => {
  const session = openSession({ url, credentials: CREDENTIALS });
  const { bytes } = await session.request({ path: '/graphql', scope: 'repository:**:admin', maxBytes: 100 });
  expect(new TextDecoder().decode(bytes)).toBe('Bearer T-repository:**:admin');
});

test('says that a password is wrong without repeating it, in characters that a terminal can take', async () => {
  const session = openSession({ url, credentials: { username: 'ada', password: 'other' } });
  const failure = await verifyCredentials(session).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'DENIED' });
  expect(String(failure)).not.toContain('other');
  expect(String(failure)).not.toContain('\u{1b}');
});

test('does not take credentials to another host without TLS', async () => {
  answer = (_request, response) => {
    response.setHeader('www-authenticate', 'Bearer realm="http://127.0.0.2:1/token"');
    response.statusCode = 401;
    response.end();
  };
  const session = openSession({ url, credentials: CREDENTIALS });
  await expect(verifyCredentials(session)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
});

test('does not take credentials to a host without TLS that was reached by TLS', async () => {
  const asked: string[] = [];
  const unencrypted: typeof fetch = (input) => {
    asked.push(input instanceof Request ? input.url : input.toString());
    const headers = { 'www-authenticate': 'Bearer realm="http://gateway.example/token"' };
    return Promise.resolve(new Response(null, { status: 401, headers }));
  };
  const session = openSession({
    url: 'https://gateway.example',
    credentials: CREDENTIALS,
    fetch: unencrypted,
  });
  await expect(verifyCredentials(session)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  expect(asked).toEqual(['https://gateway.example/v2/']);
});

test.each([
  { status: 401, code: 'DENIED' },
  { status: 403, code: 'DENIED' },
  { status: 404, code: 'NOT_FOUND' },
  { status: 429, code: 'UNAVAILABLE' },
  { status: 503, code: 'UNAVAILABLE' },
  { status: 400, code: 'REJECTED' },
])('a $status is $code', async ({ status, code }) => {
  answer = (_request, response) => {
    response.statusCode = status;
    response.end();
  };
  await expect(openSession({ url }).request({ path: '/', maxBytes: 10 })).rejects.toMatchObject({ code });
});

test('reads no more than it was told to', async () => {
  answer = (_request, response) => {
    response.end('x'.repeat(101));
  };
  await expect(openSession({ url }).request({ path: '/', maxBytes: 100 })).rejects.toMatchObject({
    code: 'BAD_RESPONSE',
  });
});

test('waits no longer than it was told to', async () => {
  answer = () => undefined;
  await expect(send(fetch, { url, maxBytes: 1, timeoutMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
});

test('says that nobody listens', async () => {
  server.closeAllConnections();
  server.close();
  await expect(send(fetch, { url, maxBytes: 1 })).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: expect.stringContaining('ECONNREFUSED') as string,
  });
});

test.each([
  {
    header: 'Bearer realm="https://a.example/token",service="s"',
    challenge: { realm: 'https://a.example/token', service: 's' },
  },
  {
    header: 'bearer realm="https://a.example/token" , scope="x y"',
    challenge: { realm: 'https://a.example/token', scope: 'x y' },
  },
  { header: 'Basic realm="x"', challenge: undefined },
  { header: 'Bearer realm="no url"', challenge: undefined },
  { header: 'Bearer ', challenge: undefined },
  { header: null, challenge: undefined },
])('reads the challenge $header', ({ header, challenge }) => {
  expect(findChallenge(header)).toEqual(challenge);
});
