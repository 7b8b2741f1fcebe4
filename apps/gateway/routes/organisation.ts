import type { FastifyInstance } from 'fastify';

import type { GatewayDeps } from '../deps.ts';

/**
 * `/.well-known/dockchains/organisation.json`: the organisation's name and the keys that a client pins when it meets the
 * gateway for the first time. It is not signed: whoever needs more than first contact compares the fingerprint.
 */
export function registerOrganisation(
  server: FastifyInstance,
  { config, ledgers, publicUrl, receiptKey, sealingKey }: GatewayDeps,
): void {
  const logs = ledgers.all.map(({ origin, name, verifierKey }) => ({
    ...{ origin, url: `${publicUrl}/log/${name}`, verifierKey },
  }));
  server.get('/.well-known/dockchains/organisation.json', (_request, reply) =>
    reply
      .header('cache-control', 'no-cache')
      .send({ name: config.organisation, logs, receiptKey, sealingKey }),
  );
}
