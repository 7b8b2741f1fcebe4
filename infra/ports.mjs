// Free TCP ports on loopback.
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';

function isPortFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A free port: the preferred one, else one below the range that outgoing connections are given, so that a server
 * restarted on its port finds it free again.
 */
export async function findFreePort(preferred) {
  if (preferred !== undefined && (await isPortFree(preferred))) return preferred;
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const port = randomInt(15_000, 32_000);
    if (await isPortFree(port)) return port;
  }
  throw new Error('No free port was found between 15000 and 32000.');
}
