import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

const PING = { name: 'gateway_ping', text: 'SELECT 1' };

// Longer than a batch takes to be published, by far.
const LATE_MS = 30_000;

/**
 * `/healthz` says that the process runs; `/readyz` that it can serve: 503 while the database is away. `frozen` and `degraded`
 * (records wait long for their checkpoint) are 200: reads go on, and taking the gateway away would end them.
 */
export function registerHealth(server: FastifyInstance, { database, ledger, clock }: GatewayDeps): void {
  let stuck: { readonly at: bigint; readonly since: Date } | undefined;
  server.get('/healthz', () => ({ status: 'ok' }));

  server.get('/readyz', async (_request, reply) => {
    try {
      await database.query(PING);
    } catch {
      return reply.code(503).send({ status: 'unavailable', reason: 'The database does not answer.' });
    }
    const { frozen, size, publishedSize, queued } = await ledger.status();
    if (frozen !== undefined) {
      return { status: 'frozen', ledger: ledger.name, reason: frozen };
    }
    const waiting = size - publishedSize + queued;
    if (waiting === 0n) stuck = undefined;
    else if (stuck?.at !== publishedSize) stuck = { at: publishedSize, since: clock() };
    if (stuck === undefined || clock().getTime() - stuck.since.getTime() < LATE_MS)
      return { status: 'ready' };
    const reason = `${waiting} records have waited for a checkpoint since ${stuck.since.toISOString()}.`;
    return { status: 'degraded', ledger: ledger.name, reason };
  });
}
