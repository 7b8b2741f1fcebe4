import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

/**
 * `/federation/nats/<organisation>`: the credential by which that peer's user is let in at our NATS server, a JWT. Everybody may
 * have it: it is of use only to whoever has the user's seed.
 */
export function registerNatsCredentials(
  server: FastifyInstance,
  { messages }: Pick<GatewayDeps, 'messages'>,
): void {
  server.get<{ Params: { organisation: string } }>(
    '/federation/nats/:organisation',
    async (request, reply) => {
      const credential = await messages.findCredential(request.params.organisation);
      if (credential === undefined) {
        reply.callNotFound();
        return reply;
      }
      return reply
        .header('cache-control', 'no-store')
        .header('content-type', 'application/jwt')
        .send(Buffer.from(credential));
    },
  );
}
