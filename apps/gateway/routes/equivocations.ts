import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

/**
 * `/federation/equivocations/<hex SHA-256 of the origin>`: proof that this log signed two histories, if that is known here.
 * It verifies alone, so whoever asks need not trust us.
 */
export function registerEquivocations(
  server: FastifyInstance,
  { replicas }: Pick<GatewayDeps, 'replicas'>,
): void {
  server.get<{ Params: { hash: string } }>('/federation/equivocations/:hash', async (request, reply) => {
    const found = await replicas.evidence.findByHash(request.params.hash);
    return reply
      .code(found === undefined ? 404 : 200)
      .header('cache-control', 'no-cache')
      .header('content-type', 'text/plain; charset=utf-8')
      .send(Buffer.from(found?.proof ?? 'No equivocation of this log is known here.\n'));
  });
}
