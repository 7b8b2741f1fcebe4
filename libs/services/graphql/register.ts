import { HeaderMap } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import { AccessError } from '@dockchains/access';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GraphQLError } from 'graphql';

import { createContext, type GraphqlContext, type GraphqlServices } from './context.ts';
import { type ApiErrorCode, encodeErrors, toGraphqlError } from './errors.ts';
import { registerExplorer } from './explorer/routes.ts';
import { LIMITS } from './limits.ts';
import { createServer } from './server.ts';

/**
 * Serves `POST /graphql` (GraphQL over HTTP, JSON), and the explorer at `GET /graphql`. Its body parser and its errors
 * are its own, whatever else the server has.
 */
export async function registerGraphql(fastify: FastifyInstance, services: GraphqlServices): Promise<void> {
  await fastify.register(async (scope) => {
    const server = createServer(scope.log);
    await server.start();
    scope.addHook('onClose', () => server.stop());

    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'string' },
      scope.getDefaultJsonParser('error', 'error'),
    );
    scope.setErrorHandler(answerError);
    scope.post(
      '/graphql',
      { bodyLimit: LIMITS.bodyBytes },
      fastifyApolloHandler(server, { context: (request) => openContext(services, request) }),
    );
    registerExplorer(scope);
  });
}

async function openContext(services: GraphqlServices, request: FastifyRequest): Promise<GraphqlContext> {
  const { id: requestId, log } = request;
  try {
    const principal = await services.access.authenticate(request.headers.authorization);
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
  const challenge = access.challenge(error.scopes, 'invalid_token');
  return { status: 401, headers: new HeaderMap([['www-authenticate', challenge]]) };
}

/** Answers what failed before GraphQL saw the request: bodies that are too long, no JSON, or no body at all. */
function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) {
    const code: ApiErrorCode = status === 413 ? 'PAYLOAD_TOO_LARGE' : 'BAD_REQUEST';
    const message =
      status === 413 ? `A request has at most ${LIMITS.bodyBytes} bytes.` : 'Send GraphQL as JSON in a POST.';
    void reply.code(status).send(encodeErrors(code, message));
    return;
  }
  const { message } = toGraphqlError(error, { requestId: request.id, log: request.log });
  void reply.code(500).send(encodeErrors('INTERNAL', message));
}
