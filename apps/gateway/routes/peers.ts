import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

/**
 * `/.well-known/dockchains/peers.json`: the organisations that this one has among its peers, with the certificates and the
 * descriptors by which it knows them. By it each side sees whether the other has added it.
 */
export function registerPeers(server: FastifyInstance, { peers }: GatewayDeps): void {
  server.get('/.well-known/dockchains/peers.json', async (_request, reply) => {
    const list = (await peers.list()).map(({ organisation, fingerprint, descriptor }) => ({
      ...{ organisation, fingerprint, number: descriptor.number },
    }));
    return reply.header('cache-control', 'no-cache').send({ peers: list });
  });
}
