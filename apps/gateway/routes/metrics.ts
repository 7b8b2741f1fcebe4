import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

/** `/metrics` in Prometheus' text format. */
export function registerMetrics(server: FastifyInstance, { metrics }: GatewayDeps): void {
  server.get('/metrics', async (_request, reply) =>
    reply.header('content-type', metrics.contentType).send(await metrics.render()),
  );
}
