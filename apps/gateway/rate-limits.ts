import { createRateLimiter, tooMany } from '@dockchains/access';
import type { FastifyInstance } from 'fastify';

import { addressKey } from './client-address.ts';
import type { GatewayDeps } from './deps.ts';

type Kind = 'address' | 'graphql' | 'token';

// Those who watch the gateway must see it also while it is flooded.
const EXEMPT: readonly (string | undefined)[] = ['/healthz', '/readyz', '/metrics'];

/** Refuses requests of addresses that ask too often, before anything of them is read. */
export function addRateLimits(
  server: FastifyInstance,
  { config: { rateLimits }, clock }: Pick<GatewayDeps, 'config' | 'clock'>,
): void {
  const limiters = {
    address: createRateLimiter(rateLimits.address, clock),
    graphql: createRateLimiter(rateLimits.graphql, clock),
    token: createRateLimiter(rateLimits.token, clock),
  };
  server.addHook('onRequest', (request, _reply, done) => {
    const { url } = request.routeOptions;
    const waitMs = EXEMPT.includes(url) ? 0 : limiters[kindOf(url)].take(addressKey(request.ip));
    if (waitMs === 0) done();
    else done(tooMany('This address', waitMs));
  });
}

function kindOf(url: string | undefined): Kind {
  if (url === '/token') return 'token';
  return url === '/graphql' ? 'graphql' : 'address';
}
