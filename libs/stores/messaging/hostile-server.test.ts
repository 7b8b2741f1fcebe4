import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

import { createUser } from '@nats-io/nkeys';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { Frames } from './bounded-transport.ts';
import { type Connection, consume, openConnection } from './index.ts';

const INFO = `INFO ${JSON.stringify({ server_id: 'S', version: '2.10.0', max_payload: 1024, headers: true, nonce: 'n' })}\r\n`;
const CONSUMER = {
  type: 'io.nats.jetstream.api.v1.consumer_info_response',
  name: 'acme_example',
  config: {},
};
const ENDLESS = Buffer.alloc(64 * 1024, 'x');

let server: Server;
let sockets: Socket[];
/** Is told of each line that the client sent, and where its subscriptions' ids are found by subject. */
let answer: (line: string, socket: Socket, ids: ReadonlyMap<string, string>) => void;

beforeEach(async () => {
  sockets = [];
  answer = () => undefined;
  server = createServer((socket) => {
    sockets.push(socket);
    const ids = new Map<string, string>();
    socket.on('error', () => undefined); // the client leaves
    socket.write(INFO);
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const line of text.split('\r\n')) {
        const [, subject = '', id = ''] = /^SUB (\S+) (\S+)$/.exec(line) ?? [];
        if (id !== '') ids.set(subject, id);
        if (line.startsWith('PING')) socket.write('PONG\r\n');
        else answer(line, socket, ids);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const connect = (): Promise<Connection> => {
  const { port } = server.address() as AddressInfo;
  const seed = new TextDecoder().decode(createUser().getSeed());
  return openConnection({
    ...{ url: `nats://127.0.0.1:${port}`, organisation: 'acme.example', seed, credential: 'jwt' },
  });
};

const flood = (socket: Socket): void => {
  while (!socket.destroyed && socket.write(ENDLESS));
  if (!socket.destroyed) {
    socket.once('drain', () => {
      flood(socket);
    });
  }
};

test.each([
  ['a message longer than any', 'MSG a 1 2000000000\r\n'],
  ['a line that does not end', 'MSG '],
])('a server that sends %s is left', async (_, beginning) => {
  const { closed } = await connect();
  sockets[0]?.write(beginning);
  for (const socket of sockets) flood(socket);
  await closed;
  expect(sockets[0]?.bytesWritten).toBeLessThan(16 * 1024 * 1024);
});

test('a server that gives more messages than it was asked for is left', async () => {
  answer = (line, socket, ids) => {
    const [, subject = '', reply = ''] = /^H?PUB (\S+) (\S+) /.exec(line) ?? [];
    const [inbox = '', id = ''] = [...ids].find(([one]) => matches(one, reply)) ?? [];
    if (inbox === '') return;
    const body = JSON.stringify(CONSUMER);
    if (subject.includes('.CONSUMER.INFO.')) {
      socket.write(`MSG ${reply} ${id} ${body.length}\r\n${body}\r\n`);
    } else if (subject.includes('.MSG.NEXT.')) {
      const message = `MSG dockchains ${id} $JS.ACK.S.C.1.1.1.1700000000000000000.0 1\r\nx\r\n`;
      for (let sent = 0; sent < 1000; sent += 1) socket.write(message);
    }
  };
  const connection = await connect();
  const consuming = consume(connection, {
    ...{ peer: 'globex.example', organisation: 'acme.example' },
    // Nothing that it sends ever becomes durable.
    handle: () => Promise.resolve({ durable: new Promise(() => undefined) }),
    isRefusal: () => true,
    bury: () => Promise.resolve(),
  });
  await connection.closed;
  await consuming.catch(() => undefined);
});

/** Whether a subscription's subject, which may end in a wildcard, takes the other. */
const matches = (subscribed: string, subject: string): boolean =>
  subscribed === subject || (subscribed.endsWith('*') && subject.startsWith(subscribed.slice(0, -1)));

test.each([
  ['whole', [INFO, 'PING\r\n', 'MSG a 1 5\r\nhello\r\nHMSG a 1 r 12 17\r\nNATS/1.0\r\n\r\nhello\r\n'], true],
  ['byte for byte', Array.from('MSG a 1 5\r\nMSG 9\r\nPING\r\n'), true],
  ['too long', ['MSG a 1 1048577\r\n'], false],
  ['too long in lower case', ['hmsg a 1 12 99999999999\r\n'], false],
  ['of a length that is none', ['MSG a 1 x5\r\n'], false],
  // The client's parser passes over what follows a payload up to the end of its line.
  ['behind what follows a payload', ['MSG a 1 0\r\n\rMSG a 1 1000\nMSG a 1 2000000\r\n'], false],
])('frames %s', (_, chunks, isAccepted) => {
  const frames = new Frames();
  const all = chunks.map((chunk) => frames.accept(Buffer.from(chunk, 'latin1')));
  expect(all.every(Boolean)).toBe(isAccepted);
});
