import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between clients and a server, and keeps every byte that passes. */
export interface Recorder {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  /** From now on connections are passed on to `<address>:<port>`; until then they are refused. */
  passTo(backend: string): void;
  /** What clients sent, and what the server answered: connection after connection. */
  sent(): Buffer;
  answered(): Buffer;
  close(): Promise<void>;
}

/** Starts a recorder on a free port of this machine. */
export async function startRecorder(): Promise<Recorder> {
  const connections: { readonly sent: Buffer[]; readonly answered: Buffer[] }[] = [];
  const sockets = new Set<Socket>();
  let backend: { host: string; port: number } | undefined;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined); // the other end hears of it by the close
  };
  const server = createServer((client) => {
    keep(client);
    if (backend === undefined) {
      client.destroy();
      return;
    }
    const connection = { sent: [] as Buffer[], answered: [] as Buffer[] };
    connections.push(connection);
    const behind = connect(backend);
    keep(behind);
    client.on('data', (bytes: Buffer) => connection.sent.push(bytes));
    behind.on('data', (bytes: Buffer) => connection.answered.push(bytes));
    client.pipe(behind).pipe(client);
    client.once('close', () => behind.destroy());
    behind.once('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    passTo(text) {
      const { hostname, port: to } = new URL(`http://${text}`);
      backend = { host: hostname, port: Number(to) };
    },
    sent: () => Buffer.concat(connections.flatMap(({ sent }) => sent)),
    answered: () => Buffer.concat(connections.flatMap(({ answered }) => answered)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}
