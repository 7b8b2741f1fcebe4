import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { type DirectBody, sendDirect } from './direct-body.ts';

let server: Server;
let url: string;
let sockets: Socket[];
/** What a server does with a connection once the request is there. */
let answer: (socket: Socket, request: string) => void;

beforeEach(async () => {
  sockets = [];
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', (request) => {
      answer(socket, request.toString());
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // listen() on a host and port gives an address with a port, never a pipe's name.
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/a/blobs/b?x=1`;
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n';
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));

/** Takes a body in pieces of so many bytes, and has the sender wait for each. */
async function takeAll(body: DirectBody, pieceBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let piece = Buffer.alloc(pieceBytes);
  let filled = 0;
  await body.fill({
    room: () => piece.subarray(filled),
    take: (bytes) => {
      filled += bytes;
      if (filled < pieceBytes) return undefined;
      pieces.push(piece);
      [piece, filled] = [Buffer.alloc(pieceBytes), 0];
      return new Promise((resolve) => setImmediate(resolve));
    },
  });
  return Buffer.concat([...pieces, piece.subarray(0, filled)]);
}

test.each([1_000, 100_000, 150_000, 1_000_000])(
  'reads a body into memory of %d bytes at a time',
  async (pieceBytes) => {
    let asked = '';
    answer = (socket, request) => {
      asked = request;
      socket.write(HEAD.slice(0, 30));
      setImmediate(() => {
        socket.write(HEAD.slice(30));
        socket.write(BYTES);
        socket.write('more than was announced');
      });
    };
    const response = await sendDirect({ url, headers: { range: 'bytes=0-' } });
    if (response === undefined) throw new Error('The answer was plain.');
    expect(response.status).toBe(200);
    expect((await takeAll(response.body, pieceBytes)).equals(BYTES)).toBe(true);
    expect(asked).toMatch(/^GET \/v2\/a\/blobs\/b\?x=1 HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
    expect(asked).toContain('\r\nrange: bytes=0-\r\n');
  },
);

test.each([
  ['404 Not Found', 'Content-Length: 1'],
  ['302 Found', 'Location: http://127.0.0.1:1/\r\nContent-Length: 1'],
  ['401 Unauthorized', 'Content-Length: 1'],
  ['200 OK', 'Transfer-Encoding: chunked'],
  ['200 OK', 'Content-Length: 1\r\nTransfer-Encoding: chunked'],
  ['200 OK', 'Content-Length: 1\r\nContent-Length: 2'],
  ['200 OK', 'Content-Length: 1\r\nContent-Encoding: gzip'],
  ['200 OK', 'Content-Length: -1'],
  ['200 OK', 'Content-Length: 1\r\n folded'],
  ['200 OK', `X: ${'x'.repeat(20_000)}`],
  ['200 OK', 'Connection: close'],
])('leaves an answer of %s with %s to others', async (status, fields) => {
  answer = (socket) => socket.write(`HTTP/1.1 ${status}\r\n${fields}\r\n\r\nx`);
  expect(await sendDirect({ url })).toBeUndefined();
  await expect.poll(() => sockets[0]?.destroyed, { timeout: 5_000 }).toBe(true);
});

test('leaves what is behind TLS, and what nobody answers, to others', async () => {
  expect(await sendDirect({ url: url.replace('http:', 'https:') })).toBeUndefined();
  expect(sockets).toEqual([]);
  answer = (socket) => socket.destroy();
  expect(await sendDirect({ url })).toBeUndefined();
});

test('waits no longer than it was told to, for the head and for each part of the body', async () => {
  answer = (socket) => socket.write('HTTP/1.1 200');
  await expect(sendDirect({ url, idleMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  answer = (socket) => socket.write(`${HEAD}abc`);
  const response = await sendDirect({ url, idleMs: 50 });
  if (response === undefined) throw new Error('The answer was plain.');
  await expect(takeAll(response.body, 1_000)).rejects.toMatchObject({ code: 'TIMEOUT' });
});

test('fails where the body breaks off, having given what came before', async () => {
  answer = (socket) => socket.end(`${HEAD}abc`);
  const response = await sendDirect({ url });
  const memory = Buffer.alloc(10);
  let taken = 0;
  const filling = response?.body.fill({
    room: () => memory.subarray(taken),
    take: (bytes) => void (taken += bytes),
  });
  await expect(filling).rejects.toMatchObject({ code: 'UNREACHABLE' });
  expect(memory.toString('latin1', 0, taken)).toBe('abc');
});

test('closes the connection of a taker that wants no more', async () => {
  answer = (socket) => socket.write(`${HEAD}abc`);
  const response = await sendDirect({ url });
  const refusing = response?.body.fill({
    room: () => Buffer.alloc(10),
    take: () => Promise.reject(new Error('full')),
  });
  await expect(refusing).rejects.toThrow('full');
  await expect.poll(() => sockets[0]?.destroyed, { timeout: 5_000 }).toBe(true);
});
