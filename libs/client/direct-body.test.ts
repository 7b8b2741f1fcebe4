import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { DirectBody } from './direct-body.ts';
import { sendStreamed } from './http-stream.ts';

const LONG = 9 << 20;

let server: ReturnType<typeof createServer>;
let url: string;
let connections: Socket[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  connections = [];
  server = createServer((request, response) => {
    answer(request, response);
  });
  server.on('connection', (socket) => connections.push(socket));
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

/** The body of an answer that is long enough to be given past the parser. */
const ask = async (path = '', idleMs = 15_000): Promise<DirectBody> => {
  const { body } = await sendStreamed({ url: url + path, idleMs });
  if (!(body instanceof DirectBody)) throw new Error('the body is read by the parser');
  return body;
};

/** Takes copies of what comes, each after some time of `pause`. */
const collect = async (body: DirectBody, pause?: () => Promise<void>) => {
  const parts: Buffer[] = [];
  const ended = await body.handTo((chunk) => {
    parts.push(Buffer.from(chunk));
    return pause?.();
  });
  return { ...ended, bytes: Buffer.concat(parts) };
};

test('a long body is given whole and in order, also to those who are slow and beside one another', async () => {
  const sent = [1, 2, 3].map(() => randomBytes(LONG));
  answer = ({ url: path }, response) => response.end(sent[Number(path?.at(-1))]);
  const bodies = await Promise.all(sent.map((_, nth) => ask(`/${nth}`)));
  const pauses = [undefined, nextTurn, nextTurn];
  const got = await Promise.all(bodies.map((body, nth) => collect(body, pauses[nth])));
  expect(got.map(({ bytes, failure }, nth) => failure ?? sent[nth]?.equals(bytes))).toEqual([
    true,
    true,
    true,
  ]);
});

test('what came before somebody took it is given first', async () => {
  const sent = randomBytes(LONG);
  const flushed = Promise.withResolvers<undefined>();
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': `${LONG}` });
    response.write(sent.subarray(0, 3 << 20));
    flushed.resolve(undefined);
    void gate.promise.then(() => response.end(sent.subarray(3 << 20)));
  };
  const gate = Promise.withResolvers<undefined>();
  const body = await ask();
  await flushed.promise;
  expect(body.isHeld).toBe(true);
  const collecting = collect(body);
  gate.resolve(undefined);
  expect((await collecting).bytes.equals(sent)).toBe(true);
});

test('its connection is closed at its end, and that of a shorter one used again', async () => {
  answer = ({ url: path }, response) =>
    response.end(Buffer.alloc(path?.endsWith('long') === true ? LONG : 9));
  for (let turn = 0; turn < 2; turn += 1) {
    const { body } = await sendStreamed({ url });
    expect(body).toBeInstanceOf(Readable);
    expect((await buffer(body as Readable)).length).toBe(9);
  }
  expect(connections).toHaveLength(1);
  expect((await collect(await ask('/long'))).bytes).toHaveLength(LONG);
  await expect.poll(() => connections.at(-1)?.destroyed).toBe(true);
});

test('one whose length is not told before goes through the parser', async () => {
  answer = (_request, response) => {
    response.write(Buffer.alloc(LONG));
    response.end();
  };
  const { body } = await sendStreamed({ url });
  expect((await buffer(body as Readable)).length).toBe(LONG);
});

test('what lies behind its length is not given', async () => {
  answer = ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LONG}\r\n\r\n`);
    socket.end(Buffer.alloc(LONG + 100));
  };
  const { bytes, failure } = await collect(await ask());
  expect([bytes.length, failure]).toEqual([LONG, undefined]);
});

test('where it breaks off, what came before is given, and then why it is not all', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': `${LONG}` });
    response.write(Buffer.alloc(1 << 20), () => response.destroy());
  };
  const { bytes, failure } = await collect(await ask());
  expect(failure).toMatchObject({ code: 'ECONNRESET' });
  expect(bytes.length).toBeLessThanOrEqual(1 << 20);
  expect(bytes.length).toBeGreaterThan(0);
});

test('who refuses a part is told of it himself, and is given no more', async () => {
  answer = (_request, response) => response.end(Buffer.alloc(LONG));
  for (const refuse of [
    (error: Error): never => {
      throw error;
    },
    (error: Error) => Promise.reject(error),
  ]) {
    let asked = 0;
    const body = await ask();
    const given = body.handTo(() => {
      asked += 1;
      return refuse(new Error('no more'));
    });
    await expect(given).rejects.toThrow('no more');
    await nextTurn();
    expect(asked).toBe(1);
    body.destroy();
  }
});

test('a sender who stops is given up; a reader who stops is waited for', async () => {
  answer = ({ url: path }, response) => {
    response.writeHead(200, { 'content-length': `${LONG}` });
    if (path?.endsWith('stalled') === true) response.write(Buffer.alloc(1 << 20));
    else response.end(Buffer.alloc(LONG));
  };
  const slow = Promise.withResolvers<undefined>();
  const collecting = collect(await ask('', 1_000), () => slow.promise);
  // The head comes in time on a busy machine, too. Each takes as long as the reader would be waited for if he were taken for the sender.
  for (let turn = 0; turn < 2; turn += 1) {
    expect((await collect(await ask('/stalled', 1_000))).failure).toMatchObject({ code: 'TIMEOUT' });
  }
  slow.resolve(undefined);
  expect((await collecting).bytes).toHaveLength(LONG);
});

test('is ended by its signal', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': `${LONG}` });
    response.write(Buffer.alloc(1 << 20));
  };
  const stop = new AbortController();
  const { body } = await sendStreamed({ url, signal: stop.signal });
  if (!(body instanceof DirectBody)) throw new Error('the body is read by the parser');
  const collecting = collect(body);
  stop.abort();
  expect(String((await collecting).failure)).toMatch(/abort/i);
});

test('who closes it hears that it has not come to its end', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': `${LONG}` });
    response.write(Buffer.alloc(1 << 20));
  };
  const body = await ask();
  const collecting = collect(body);
  body.destroy();
  expect((await collecting).failure).toBeInstanceOf(Error);
  await expect.poll(() => connections[0]?.destroyed).toBe(true);
});
