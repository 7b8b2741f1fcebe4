import { HeaderMap } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import { AccessError } from '@dockchains/access';
import type { FastifyBaseLogger, FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { GraphQLError } from 'graphql';

import { createContext, type GraphqlContext, type GraphqlServices } from './context.ts';
import { type ApiErrorCode, encodeErrors, toGraphqlError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { createServer } from './server.ts';

/** What answers at `POST /graphql`. */
export type Endpoint = {
  answer(request: FastifyRequest, reply: FastifyReply): Promise<unknown>;
  /** Answers what failed before GraphQL saw the request: bodies that are too long, no JSON, or no body at all. */
  answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply;
  close(): Promise<void>;
};

/** Starts the Apollo Server over the services. */
export async function openEndpoint(services: GraphqlServices, log: FastifyBaseLogger): Promise<Endpoint> {
  const server = createServer(log);
  await server.start();
  const handle = fastifyApolloHandler(server, { context: (request) => openContext(services, request) });
  return {
    // Written for handlers that Fastify binds to its instance, of which this one makes no use.
    answer: async (request, reply) => handle.call(request.server, request, reply),
    answerError,
    close: () => server.stop(),
  };
}

async function openContext(services: GraphqlServices, request: FastifyRequest): Promise<GraphqlContext> {
  const { id: requestId, log } = request;
  try {
    const principal = await services.access.authenticate(request.headers.authorization);
    await services.access.requireCurrent(principal);
    return createContext(services, { principal, requestId, log });
  } catch (error) {
    const { message, extensions } = toGraphqlError(error, { requestId, log });
    const http = httpOf(services, { error, code: extensions.code });
    throw new GraphQLError(message, { extensions: { ...extensions, http } });
  }
}

/** Status and headers where nothing is executed, since it is not known who asks. */
function httpOf({ access }: GraphqlServices, { error, code }: { error: unknown; code: unknown }): object {
  if (!(error instanceof AccessError)) return { status: code === 'UNAVAILABLE' ? 503 : 500 };
  if (error.code === 'TOO_MANY') {
    return { status: 429, headers: new HeaderMap([['retry-after', retryAfter(error)]]) };
  }
  const challenge = access.challenge(error.scopes, 'invalid_token');
  return { status: 401, headers: new HeaderMap([['www-authenticate', challenge]]) };
}

function retryAfter({ retryAfterSeconds = 5 }: AccessError): string {
  return retryAfterSeconds.toString();
}

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof AccessError && error.code === 'TOO_MANY') {
    const answer = encodeErrors('TOO_MANY_REQUESTS', error.message);
    return reply.code(429).header('retry-after', retryAfter(error)).send(answer);
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) {
    const code: ApiErrorCode = status === 413 ? 'PAYLOAD_TOO_LARGE' : 'BAD_REQUEST';
    const message =
      status === 413 ? `A request has at most ${LIMITS.bodyBytes} bytes.` : 'Send GraphQL as JSON in a POST.';
    return reply.code(status).send(encodeErrors(code, message));
  }
  const { message } = toGraphqlError(error, { requestId: request.id, log: request.log });
  return reply.code(500).send(encodeErrors('INTERNAL', message));
}
