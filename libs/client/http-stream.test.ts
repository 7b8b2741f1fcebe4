import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { sendStreamed, type StreamedRequest } from './http-stream.ts';

let server: ReturnType<typeof createServer>;
let url: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  server = createServer((request, response) => {
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // listen() on a host and port gives an address with a port, never a pipe's name.
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/blob`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Sends a request whose answer is not so long that it would be given past the parser. */
const ask = async (
  request: StreamedRequest,
): Promise<{ status: number; headers: Headers; body: Readable }> => {
  const { body, ...answered } = await sendStreamed(request);
  if (!(body instanceof Readable)) throw new Error('the body is given past the parser');
  return { ...answered, body };
};

test('gives the answer as soon as its head is there, and its body as it comes', async () => {
  const gate = Promise.withResolvers<undefined>();
  answer = (request, response) => {
    expect(request.headers['accept-encoding']).toBe('identity');
    response.writeHead(206, { 'content-length': '4' }).write('ab');
    void gate.promise.then(() => response.end('cd'));
  };
  const { status, headers, body } = await ask({ url, headers: { range: 'bytes=0-' } });
  expect([status, headers.get('content-length')]).toEqual([206, '4']);
  gate.resolve(undefined);
  expect((await buffer(body)).toString()).toBe('abcd');
});

test.each([
  { status: 404, code: 'NOT_FOUND' },
  { status: 302, code: 'REJECTED' },
  { status: 503, code: 'UNAVAILABLE' },
])('a $status is $code, and leads nowhere else', async ({ status, code }) => {
  const asked: unknown[] = [];
  answer = (request, response) => {
    asked.push(request.url);
    response.writeHead(status, { location: '/elsewhere' }).end('x'.repeat(100_000));
  };
  await expect(ask({ url })).rejects.toMatchObject({ code });
  expect(asked).toEqual(['/blob']);
});

test('a 401 passes with its challenge', async () => {
  answer = (_request, response) => {
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="x"' }).end('no');
  };
  const { status, headers, body } = await ask({ url });
  expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="x"']);
  expect((await buffer(body)).length).toBe(0);
});

test('waits no longer than it was told to, for the answer and for each part of it', async () => {
  answer = () => undefined;
  await expect(ask({ url, idleMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  answer = (_request, response) => response.writeHead(200, { 'content-length': '4' }).write('ab');
  // Its head comes in time on a busy machine, too.
  const { body } = await ask({ url, idleMs: 1_000 });
  await expect(buffer(body)).rejects.toMatchObject({ code: 'TIMEOUT' });
});

test('does not take a reader’s time for the sender’s', async () => {
  const bytes = Buffer.alloc(32 << 20, 1);
  answer = (_request, response) => {
    response.write(bytes); // of no length that would be told before
    response.end();
  };
  const { body } = await ask({ url, idleMs: 1_000 });
  body.pause();
  if (!(body instanceof IncomingMessage)) throw new Error('the body is no answer of HTTP');
  // It would be given up each time.
  await once(body.socket, 'timeout');
  await once(body.socket, 'timeout');
  expect((await buffer(body)).equals(bytes)).toBe(true);
});

describe('over 30 s', () => {
  let sending: ServerResponse;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    answer = (_request, response) => {
      sending = response;
      response.writeHead(200, { 'content-length': `${1 << 20}` }).flushHeaders();
    };
  });
  afterEach(() => vi.useRealTimers());

  /** Sends so many bytes and reads them. */
  const pass = async (body: Readable, length: number): Promise<void> => {
    sending.write(Buffer.alloc(length));
    for (let left = length; left > 0;) {
      const bytes: unknown = body.read();
      if (bytes instanceof Buffer) left -= bytes.length;
      else await once(body, 'readable');
    }
  };

  test('gives up a sender of less than 4 KiB/s, though he is never idle for long', async () => {
    const { body } = await ask({ url });
    const failing = new Promise<unknown>((resolve) => body.once('error', resolve));
    await pass(body, 4096 * 30 - 4096);
    for (let seconds = 14; seconds < 30; seconds += 14) {
      vi.advanceTimersByTime(14_000);
      await pass(body, 1);
    }
    vi.advanceTimersByTime(1_000);
    expect(body.destroyed).toBe(false);
    vi.advanceTimersByTime(1_000);
    const error = await failing;
    expect(error).toMatchObject({ code: 'TIMEOUT' });
    expect(String(error)).toMatch(/ in 30 s; less than 122880/);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('waits on for one of more, for as long as it takes', async () => {
    const { body } = await ask({ url });
    for (let window = 0; window < 4; window += 1) {
      await pass(body, 4096 * 30);
      vi.advanceTimersByTime(30_000);
    }
    expect(body.destroyed).toBe(false);
    sending.end(Buffer.alloc((1 << 20) - 4 * 4096 * 30));
    await buffer(body);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('counts no time in which bytes wait for the reader', async () => {
    const { body } = await ask({ url });
    sending.write('a');
    await once(body, 'readable');
    vi.advanceTimersByTime(300_000);
    expect(body.destroyed).toBe(false);
    sending.end(Buffer.alloc((1 << 20) - 1));
    expect((await buffer(body)).length).toBe(1 << 20);
  });
});

test('fails where the answer breaks off, and where nobody listens', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': '4' }).write('ab', () => response.destroy());
  };
  const { body } = await ask({ url });
  await expect(buffer(body)).rejects.toMatchObject({ code: 'ECONNRESET' });
  server.close();
  server.closeAllConnections();
  await expect(ask({ url })).rejects.toMatchObject({ code: 'UNREACHABLE' });
});

test('asks again where idle connections had just been given up, all of them', async () => {
  const IDLE = 3;
  const waiting: ServerResponse[] = [];
  answer = (_request, response) => {
    waiting.push(response);
    if (waiting.length === IDLE) for (const one of waiting) one.end('first');
  };
  const firsts = await Promise.all(Array.from({ length: IDLE }, () => ask({ url })));
  for (const { body } of firsts) expect((await buffer(body)).toString()).toBe('first');
  let asked = 0;
  answer = (request, response) => {
    asked += 1;
    if (asked <= IDLE) request.socket.destroy();
    else response.end('second');
  };
  expect((await buffer((await ask({ url })).body)).toString()).toBe('second');
  expect(asked).toBe(IDLE + 1);
});

test.each(['before it is answered', 'while its body comes'])('is ended by its signal %s', async (when) => {
  const stop = new AbortController();
  const asked = Promise.withResolvers<undefined>();
  answer = (_request, response) => {
    if (when.startsWith('while')) response.writeHead(200, { 'content-length': '4' }).write('ab');
    asked.resolve(undefined);
  };
  const reading = ask({ url, signal: stop.signal }).then(({ body }) => buffer(body));
  await asked.promise;
  stop.abort();
  await expect(reading).rejects.toThrow(/abort/i);
});

test('gives every byte where it was sent, also to those who read late and beside one another', async () => {
  const sent = [1, 2, 3].map(() => randomBytes(3 << 20));
  answer = ({ url: path }, response) => response.end(sent[Number(path?.at(-1))]);
  const bodies = await Promise.all(sent.map(async (_, nth) => (await ask({ url: `${url}/${nth}` })).body));
  const readings = bodies.map(async (body) => {
    body.pause();
    const parts: Buffer[] = [];
    for await (const part of body as AsyncIterable<Buffer>) {
      parts.push(part);
      await nextTurn();
    }
    return Buffer.concat(parts);
  });
  const got = await Promise.all(readings);
  expect(got.map((bytes, nth) => sent[nth]?.equals(bytes))).toEqual([true, true, true]);
});
