import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { Link } from './link.ts';
import { type LinkDoor, startNatsDoor, startWayOut } from './link-doors.ts';

let link: Link;
let heard: string;
let servers: Server[];
let doors: LinkDoor[];
let sockets: Socket[];

beforeEach(() => {
  link = new Link();
  heard = '';
  [servers, doors, sockets] = [[], [], []];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(doors.map((door) => door.close()));
  for (const server of servers) server.close();
});

/** Somebody who says something first, if told, and then echoes. */
const startEcho = async (greeting = ''): Promise<string> => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).write(greeting);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      socket.write(chunk);
    });
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const open = async (host: string): Promise<Socket> => {
  const { hostname, port } = new URL(`http://${host}`);
  const socket = connect(Number(port), hostname).setEncoding('utf8');
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
};

/** Opens a connection by an HTTP proxy to an echo. */
const openByProxy = async (findLink = (): Link | undefined => link): Promise<Socket> => {
  const echo = await startEcho();
  const door = await startWayOut(findLink);
  doors.push(door);
  const socket = await open(door.host);
  socket.write(`CONNECT ${echo} HTTP/1.1\r\nHost: ${echo}\r\n\r\n`);
  return socket;
};

const tell = async (socket: Socket, text: string): Promise<string> => {
  socket.write(text);
  const [answer] = (await once(socket, 'data')) as [string];
  return answer;
};

const ends = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => {
    socket.once('error', () => undefined);
    socket.once('close', resolve);
  });

test('an open link carries both ways', async () => {
  const socket = await openByProxy();
  await once(socket, 'data');
  expect(await tell(socket, 'hello')).toBe('hello');
  expect(link.connections).toBe(1);
});

test('a link that is cut resets what is connected, and who connects', async () => {
  const before = await openByProxy();
  await once(before, 'data');
  const end = ends(before);
  link.setMode({ kind: 'cut' });
  await end;
  await ends(await openByProxy());
  expect(link.connections).toBe(1);
  link.setMode({ kind: 'open' });
  const behind = await openByProxy();
  await once(behind, 'data');
  expect(await tell(behind, 'again')).toBe('again');
});

test('a slow link takes its time', async () => {
  const socket = await openByProxy();
  await once(socket, 'data');
  link.setMode({ kind: 'slow', latencyMs: 20, bytesPerSecond: 1000 });
  const started = performance.now();
  expect(await tell(socket, 'x'.repeat(100))).toHaveLength(100);
  // Both ways: 20 ms and 100 bytes at 1,000 a second, a timer's millisecond less.
  expect(performance.now() - started).toBeGreaterThanOrEqual(238);
});

test.each([
  { lost: 'requests', arrived: '' },
  { lost: 'answers', arrived: 'hello' },
] as const)('a half-open link that swallows $lost stays until it is mended', async ({ lost, arrived }) => {
  const socket = await openByProxy();
  await once(socket, 'data');
  link.setMode({ kind: 'half-open', lost });
  let answered = false;
  socket.once('data', () => (answered = true));
  socket.write('hello');
  // Another connection's bytes come later than these would.
  const other = await openByProxy(() => undefined);
  await once(other, 'data');
  expect(await tell(other, ' other')).toBe(' other');
  await expect.poll(() => heard).toContain(`${arrived} other`);
  expect({ answered, closed: socket.closed }).toEqual({ answered: false, closed: false });
  const end = ends(socket);
  link.setMode({ kind: 'open' });
  await end;
});

test('a NATS client goes by the link of the user that its credential names', async () => {
  const echo = await startEcho('INFO {}\r\n');
  const other = new Link();
  const door = await startNatsDoor(echo, (user) =>
    new Map([
      ['UABC', link],
      ['UDEF', other],
    ]).get(user),
  );
  doors.push(door);
  const claims = Buffer.from(JSON.stringify({ sub: 'UABC' })).toString('base64url');
  const connectLine = `CONNECT {"jwt":"e30.${claims}.c2ln"}\r\nPING\r\n`;
  const socket = await open(door.host);
  await once(socket, 'data');
  expect(await tell(socket, connectLine)).toBe(connectLine);
  expect([link.connections, other.connections]).toEqual([1, 0]);
  other.setMode({ kind: 'cut' });
  expect(await tell(socket, 'PING\r\n')).toBe('PING\r\n');
  const end = ends(socket);
  link.setMode({ kind: 'cut' });
  await end;
  // Who names no known user is not carried by a link.
  const unknown = await open(door.host);
  await once(unknown, 'data');
  expect(await tell(unknown, 'CONNECT {}\r\n')).toBe('CONNECT {}\r\n');
});
