import { once } from 'node:events';
import {
  type IncomingMessage,
  createServer as createHttpServer,
  request,
  type ServerResponse,
} from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';

/** Something in front of several gateways that gives each its turn, whatever it was that came before. */
export interface Balancer {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts a balancer that gives each connection to the next backend (`<address>:<port>`), passing over those that refuse it:
 * what a TCP load balancer without health checks does.
 */
export async function balanceConnections(backends: readonly string[]): Promise<Balancer> {
  const next = takeTurns(backends);
  const sockets = new Set<Socket>();
  const server = createTcpServer((client) => {
    keep(sockets, client);
    void passOn(client, backends.length);
  });
  const passOn = async (client: Socket, attempts: number): Promise<void> => {
    const backend = connect(addressOf(next()));
    keep(sockets, backend);
    try {
      await once(backend, 'connect');
    } catch {
      if (attempts > 1) await passOn(client, attempts - 1);
      else client.destroy();
      return;
    }
    client.pipe(backend).pipe(client);
    client.once('close', () => backend.destroy());
    backend.once('close', () => client.destroy());
  };
  return open(server, sockets);
}

/**
 * Starts a balancer that gives each request to the next backend, on a connection of its own. A backend that refuses the connection is
 * passed over; one that goes away while it has the request is answered 502, since it may have done it.
 * Requests that `lose` chooses are done, and their clients see the connection break instead of the answer.
 */
export async function balanceRequests(
  backends: readonly string[],
  { lose = () => false }: { lose?: (request: IncomingMessage) => boolean } = {},
): Promise<Balancer> {
  const next = takeTurns(backends);
  const sockets = new Set<Socket>();
  const server = createHttpServer((incoming, outgoing) => {
    forward({ incoming, outgoing, next, lost: lose(incoming) }, backends.length);
  });
  server.on('connection', (socket) => {
    keep(sockets, socket);
  });
  return open(server, sockets);
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly next: () => string;
  readonly lost: boolean;
}

function forward(exchange: Exchange, attempts: number): void {
  const { incoming, outgoing, next, lost } = exchange;
  const { method, headers, url: path } = incoming;
  const sent = request({ ...addressOf(next()), method, headers, path, agent: false });
  let connected = false;
  sent.once('socket', (socket) => {
    socket.once('connect', () => {
      connected = true;
      incoming.pipe(sent);
    });
  });
  sent.once('response', (answer) => {
    if (lost) {
      answer.resume().once('end', () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(outgoing);
    answer.once('error', () => outgoing.destroy());
  });
  sent.once('error', () => {
    if (!connected && attempts > 1) forward(exchange, attempts - 1);
    else if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(502, { connection: 'close' }).end();
  });
  outgoing.once('close', () => sent.destroy());
}

function takeTurns(backends: readonly string[]): () => string {
  let turn = 0;
  return () => {
    const backend = backends[turn % backends.length];
    if (backend === undefined) throw new Error('A balancer needs a backend.');
    turn += 1;
    return backend;
  };
}

function addressOf(backend: string): { host: string; port: number } {
  const { hostname, port } = new URL(`http://${backend}`);
  return { host: hostname, port: Number(port) };
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.on('error', () => undefined); // kills break connections; the close that follows says enough
  socket.once('close', () => sockets.delete(socket));
}

async function open(server: Server, sockets: ReadonlySet<Socket>): Promise<Balancer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
