import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

const NUMBER = /^([1-9][0-9]{0,8})\.json$/;

/**
 * `/.well-known/dockchains/organisation.json`: what the organisation says of itself, signed by its OpenPGP certificate, and
 * `/.well-known/dockchains/organisation/<number>.json`: what it said before.
 */
export function registerOrganisation(server: FastifyInstance, { descriptor }: GatewayDeps): void {
  server.get('/.well-known/dockchains/organisation.json', async (_request, reply) => {
    const { envelope } = await descriptor.get();
    return reply
      .header('cache-control', 'no-cache')
      .header('content-type', 'application/json')
      .send(Buffer.from(envelope));
  });
  server.get<{ Params: { number: string } }>(
    '/.well-known/dockchains/organisation/:number',
    async (request, reply) => {
      const number = NUMBER.exec(request.params.number)?.[1];
      const envelope = number === undefined ? undefined : await descriptor.find(Number(number));
      if (envelope === undefined) {
        reply.callNotFound();
        return reply;
      }
      return reply.header('content-type', 'application/json').send(Buffer.from(envelope));
    },
  );
}
