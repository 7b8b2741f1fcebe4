import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';

import { registerGraphql } from '@dockchains/graphql';
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';

import type { GatewayDeps } from './deps.ts';
import { encodeHttpError, toHttpError } from './errors.ts';
import { addRateLimits } from './rate-limits.ts';
import { registerConsistency } from './routes/consistency.ts';
import { registerCosigned } from './routes/cosigned.ts';
import { registerEquivocations } from './routes/equivocations.ts';
import { registerHealth } from './routes/health.ts';
import { registerLog } from './routes/log.ts';
import { registerMetrics } from './routes/metrics.ts';
import { registerMirror } from './routes/mirror.ts';
import { registerNatsCredentials } from './routes/nats-credentials.ts';
import { registerOrganisation } from './routes/organisation.ts';
import { registerPeers } from './routes/peers.ts';
import { registerToken } from './routes/token.ts';
import { registerUnexplained } from './routes/unexplained.ts';
import { registerV2 } from './routes/v2/register.ts';
import { registerWitness } from './routes/witness.ts';
import { traceRequests } from './tracing/requests.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The route's name for metrics and logs: never the path, which names repositories. */
    routeName: string | undefined;
  }
}

const MAX_PARAMETER = 2048;
const DISCARD_MS = 10_000;

// Bodies and answers are checked and made by code of ours: the libraries for JSON schemas are not even loaded.
const noSchema = (): never => {
  throw new Error('Routes have no JSON schemas here: parse the body in the handler.');
};
const NO_SCHEMAS = { buildValidator: noSchema, buildSerializer: noSchema };

/** Makes the HTTP server over `listener`, which accepts connections already, and waits until all routes are there. */
export async function openServer(listener: Server, deps: GatewayDeps): Promise<FastifyInstance> {
  const server = fastify({
    loggerInstance: deps.log,
    // Its own for each request would only add an id that our lines have already.
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    // What still comes on a connection in use is answered like any other, and not by words that no client of a registry knows: the rest closes behind it.
    return503OnClosing: false,
    genReqId: () => randomUUID(),
    trustProxy: deps.config.trustedProxies.length === 0 ? false : [...deps.config.trustedProxies],
    schemaController: { compilersFactory: NO_SCHEMAS },
    routerOptions: { maxParamLength: MAX_PARAMETER },
    frameworkErrors: (_error, request, reply) => {
      refuseUrl(request, reply);
    },
    serverFactory: (handler) => {
      listener.removeAllListeners('request').on('request', handler);
      return listener;
    },
  });
  server.decorateRequest('routeName', undefined);
  // First, so that whatever comes next is within the request's span.
  if (deps.tracing !== undefined) traceRequests(server, deps.tracing);
  addErrors(server, deps);
  addObservation(server, deps);
  addRateLimits(server, deps);

  registerHealth(server, deps);
  registerMetrics(server, deps);
  registerOrganisation(server, deps);
  registerPeers(server, deps);
  registerNatsCredentials(server, deps);
  registerLog(server, deps);
  registerMirror(server, deps);
  registerConsistency(server, deps);
  registerEquivocations(server, deps);
  registerUnexplained(server, deps);
  registerCosigned(server, deps);
  registerWitness(server, deps);
  registerToken(server, deps);
  registerV2(server, deps);
  await registerGraphql(server, deps);
  await server.ready();
  return server;
}

function addErrors(server: FastifyInstance, { access }: GatewayDeps): void {
  server.setErrorHandler(async (error, request, reply) => {
    const answer = toHttpError(error, { access, requestId: request.id });
    if (answer.isFault) request.log.error({ err: error, requestId: request.id }, 'request failed');
    discardBody(request.raw);
    return reply
      .code(answer.status)
      .headers({ ...answer.headers, 'content-type': 'application/json' })
      .send(encodeHttpError(answer));
  });
  server.setNotFoundHandler(async (_request, reply) => {
    const answer = { code: 'UNSUPPORTED', message: 'The gateway has no such path.' };
    return reply
      .code(404)
      .header('content-type', 'application/json')
      .send(encodeHttpError({ ...answer, status: 404, headers: {}, isFault: false }));
  });
}

/** A path that can't be decoded reaches no route; Fastify's own answer would repeat it. */
function refuseUrl({ raw }: FastifyRequest, reply: FastifyReply): void {
  const code = raw.url?.startsWith('/v2/') === true ? 'NAME_INVALID' : 'UNSUPPORTED';
  const message = 'The path holds an encoding that is not UTF-8, or is cut off.';
  discardBody(raw);
  void reply
    .code(400)
    .header('content-type', 'application/json')
    .send(encodeHttpError({ status: 400, code, message, headers: {}, isFault: false }));
}

/**
 * Reads the rest of a refused request's body into nothing: a client that is still sending would not see the answer
 * otherwise, and its connection would stay busy. One that sends for too long is cut off.
 */
function discardBody(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const deadline = setTimeout(() => request.socket.destroy(), DISCARD_MS).unref();
  request.once('close', () => {
    clearTimeout(deadline);
  });
  request.resume();
}

function addObservation(server: FastifyInstance, { metrics }: GatewayDeps): void {
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeName ?? request.routeOptions.url ?? 'none';
    const { method } = request;
    const status = reply.statusCode;
    metrics.observeRequest({ route, method, status }, reply.elapsedTime / 1000);
    if (route === '/v2 blob' && method === 'GET' && status < 300 && reply.raw.writableFinished) {
      metrics.countSent(Number(reply.getHeader('content-length') ?? 0));
    }
    request.log.debug(
      { requestId: request.id, route, method, status, elapsedMs: reply.elapsedTime },
      'request',
    );
    done();
  });
}
