import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';

/** A listening server whose answers are 503 until requests are handled. */
export interface Listener {
  readonly server: Server;
  /** Where it listens, `<address>:<port>`; the port that was free where 0 was asked for. */
  readonly address: string;
}

// An import of it would load Node's own HTTP client as well, which is among its names: 30 ms and 5 MB for nothing.
const { createServer } = process.getBuiltinModule('node:http');

// Longer than the 60 seconds for which proxies keep idle connections: the proxy is to close them, not we.
const KEEP_ALIVE_MS = 75_000;
const HEADERS_MS = 60_000;
// A layer may take an hour, but not a connection on which nothing moves.
const IDLE_MS = 300_000;
const MAX_CONNECTIONS = 10_000;
const STARTING = JSON.stringify({
  errors: [{ code: 'UNAVAILABLE', message: 'The gateway is starting: try again in a second.' }],
});

/**
 * Binds the address before anything else is opened: a port in use stops the start at once, and the free port that a test
 * gets is known to whatever needs the gateway's URL.
 */
export async function listen({ host, port }: { host: string; port: number }): Promise<Listener> {
  const server = createServer({
    requestTimeout: 0,
    headersTimeout: HEADERS_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.timeout = IDLE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (_request, response: ServerResponse) => {
    response
      .writeHead(503, { 'retry-after': '1', connection: 'close', 'content-type': 'application/json' })
      .end(STARTING);
  });
  server.listen(port, host);
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('The server listens on no TCP port.');
  const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { server, address: `${shown}:${bound.port}` };
}
