import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { pipeline } from 'node:stream';

import type { Link } from './link.ts';

/** A place that connections pass through on their way to another organisation. */
export interface LinkDoor {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  close(): Promise<void>;
}

// A NATS client says who it is in its first line, with its credential.
const MAX_GREETING_BYTES = 64 * 1024;

/**
 * Starts an HTTP proxy for the requests that leave one organisation (`http_proxy`): each is carried by the link to whom it is for, `<address>:<port>`,
 * and goes straight on where `findLink` knows none. Some clients ask for a tunnel (CONNECT), others name the whole URL (RFC 9112, absolute-form).
 */
export async function startWayOut(findLink: (host: string) => Link | undefined): Promise<LinkDoor> {
  const server = createHttpServer((asked, answer) => {
    const { port } = server.address() as AddressInfo;
    passOn(asked, answer, port);
  });
  const sockets = new Set<Socket>();
  server.on('connect', (request, caller, head) => {
    if (!(caller instanceof Socket)) return;
    keep(sockets, caller);
    const callee = keep(sockets, connect(addressOf(request.url ?? '')));
    const link = findLink(request.url ?? '');
    if (link?.mode.kind !== 'cut') caller.write('HTTP/1.1 200 OK\r\n\r\n');
    caller.unshift(head);
    join(link, caller, callee);
  });
  return open(server, sockets);
}

/** Sends a request of absolute form on through a tunnel of the way out at `port`, so that its link carries it; where that fails the caller is cut off too. */
function passOn(asked: IncomingMessage, answer: ServerResponse, port: number): void {
  const { method = 'GET', url = '', headers } = asked;
  const end = (): void => {
    answer.destroy();
  };
  const tunnel = request({ host: '127.0.0.1', port, method: 'CONNECT', path: URL.parse(url)?.host ?? '' });
  tunnel.on('error', end).once('connect', (_response, socket: Socket) => {
    socket.on('error', end);
    const sent = request(url, { method, headers, createConnection: () => socket });
    sent.on('error', end).once('response', (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      pipeline(got, answer, () => undefined);
    });
    answer.once('close', () => sent.destroy());
    pipeline(asked, sent, () => undefined);
  });
  tunnel.end();
}

/**
 * Starts a door in front of an organisation's NATS server at `<address>:<port>`: each connection is carried by the link of the user
 * that its credential names, and goes straight on where `findLink` knows none.
 */
export async function startNatsDoor(
  server: string,
  findLink: (user: string) => Link | undefined,
): Promise<LinkDoor> {
  const sockets = new Set<Socket>();
  const door = createServer((caller) => {
    keep(sockets, caller);
    const callee = keep(sockets, connect(addressOf(server)));
    callee.once('close', () => caller.destroy());
    caller.once('close', () => callee.destroy());
    let said = Buffer.alloc(0);
    const hear = (chunk: Buffer): void => {
      said = Buffer.concat([said, chunk]);
      const end = said.indexOf('\r\n');
      if (end === -1 && said.length < MAX_GREETING_BYTES) return;
      caller.off('data', hear).pause();
      callee.unpipe(caller);
      caller.unshift(said);
      join(findLink(findUser(said.subarray(0, Math.max(end, 0)).toString())), caller, callee);
    };
    // The server speaks first; what it says is the same for everybody.
    callee.pipe(caller);
    caller.on('data', hear);
  });
  return open(door, sockets);
}

function join(link: Link | undefined, caller: Socket, callee: Socket): void {
  if (link !== undefined) {
    link.join(caller, callee);
    return;
  }
  caller.pipe(callee).pipe(caller);
  caller.once('close', () => callee.destroy());
  callee.once('close', () => caller.destroy());
}

/** The user of a NATS client's `CONNECT {"jwt": …}`; empty where it names none. */
function findUser(line: string): string {
  try {
    const { jwt } = JSON.parse(line.replace(/^CONNECT /i, '')) as { jwt: string };
    const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as {
      sub: string;
    };
    return claims.sub;
  } catch {
    return '';
  }
}

function keep(sockets: Set<Socket>, socket: Socket): Socket {
  sockets.add(socket);
  socket.on('error', () => undefined); // the close that follows says enough
  socket.once('close', () => sockets.delete(socket));
  return socket;
}

function addressOf(host: string): { host: string; port: number } {
  const [name = '', port = ''] = host.split(':');
  return { host: name, port: Number(port) };
}

async function open(server: Server, sockets: ReadonlySet<Socket>): Promise<LinkDoor> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
