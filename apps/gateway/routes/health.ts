import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

const PING = { name: 'gateway_ping', text: 'SELECT 1' };

/**
 * `/healthz` says that the process runs; `/readyz` that it can serve: 503 while the database is away, and while the ledger
 * is frozen, with the reason.
 */
export function registerHealth(server: FastifyInstance, { database, ledger }: GatewayDeps): void {
  server.get('/healthz', () => ({ status: 'ok' }));

  server.get('/readyz', async (_request, reply) => {
    try {
      await database.query(PING);
    } catch {
      return reply.code(503).send({ status: 'unavailable', database: 'unreachable' });
    }
    const { frozen } = await ledger.status();
    if (frozen === undefined) return { status: 'ready' };
    return reply.code(503).send({ status: 'frozen', ledgers: { [ledger.name]: frozen } });
  });
}
