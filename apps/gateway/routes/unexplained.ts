import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

/**
 * `/federation/unexplained/<hex SHA-256 of the origin>`: the two signed heads of this log that wait longest for its explanation, those
 * that it refused to explain first. The notes are the log's own, so whoever asks need not trust us for them.
 */
export function registerUnexplained(
  server: FastifyInstance,
  { replicas }: Pick<GatewayDeps, 'replicas'>,
): void {
  server.get<{ Params: { hash: string } }>('/federation/unexplained/:hash', async (request, reply) => {
    const found = await replicas.undecided.findByHash(request.params.hash);
    return reply
      .code(found === undefined ? 404 : 200)
      .header('cache-control', 'no-cache')
      .header('content-type', 'text/plain; charset=utf-8')
      .send(Buffer.from(found?.file() ?? 'No two heads of this log wait for an explanation here.\n'));
  });
}
