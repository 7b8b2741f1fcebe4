import type { Principal } from '@dockchains/access';
import type { FastifyReply, FastifyRequest } from 'fastify';

import type { GatewayDeps } from '../../deps.ts';
import type { V2Kind, V2Target } from '../../v2-path.ts';

/** One request to a route below `/v2/`: who asks for what, and the reply to send. */
export interface Exchange<Kind extends V2Kind> {
  readonly target: Extract<V2Target, { kind: Kind }>;
  readonly principal: Principal;
  readonly query: URLSearchParams;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Answers one method of one kind of path. */
export type Handler<Kind extends V2Kind> = (
  deps: GatewayDeps,
  exchange: Exchange<Kind>,
) => FastifyReply | Promise<FastifyReply>;

/** Gives a header that has at most one value; of several, the first counts. */
export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
