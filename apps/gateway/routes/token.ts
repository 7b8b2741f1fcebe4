import { type Access, AccessError, type Credentials } from '@dockchains/access';
import { encodeScope, isRepositoryName, keptName, OciError, parseScopes, type Scope } from '@dockchains/oci';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';

import { addressKey } from '../client-address.ts';

/** What the token route needs of the gateway. */
export type TokenDeps = {
  readonly access: Pick<Access, 'issueToken'>;
  readonly config: { readonly organisation: string };
};

type TokenRequest = {
  readonly credentials: Credentials | undefined;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Where it comes from. */
  readonly ip: string;
};

const MAX_FORM = 16_384;
const FORM = 'application/x-www-form-urlencoded';
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;

const querySchema = z.object({
  service: z.string().optional(),
  scope: z
    .union([z.string().transform((scope) => [scope]), z.array(z.string())])
    .optional()
    .default([]),
});

/**
 * Serves `/token`: GET as Docker's token authentication specification has it, with Basic credentials or none, and POST
 * as its OAuth 2 one, with a user name and a password. There are no refresh tokens.
 */
export function registerToken(server: FastifyInstance, deps: TokenDeps): void {
  server.get('/token', async (request, reply) => {
    const { service, scope } = parseQuery(request.query);
    const credentials = parseBasic(request.headers.authorization);
    return answer(deps, reply, { credentials, service, scopes: scope, ip: request.ip });
  });

  // In a scope of its own, so that an upload that curl calls a form stays a stream.
  void server.register((scope, _, done) => {
    scope.addContentTypeParser(FORM, { parseAs: 'string', bodyLimit: MAX_FORM }, (_request, body, parsed) => {
      parsed(null, new URLSearchParams(body.toString()));
    });
    scope.post('/token', async (request, reply) => {
      const form = request.body;
      if (!(form instanceof URLSearchParams))
        return refuse(reply, 'invalid_request', `Send a form, ${FORM}.`);
      if (form.get('grant_type') !== 'password') {
        return refuse(reply, 'unsupported_grant_type', 'Only the grant type "password" is known here.');
      }
      const username = form.get('username');
      const password = form.get('password');
      if (username === null || password === null) {
        return refuse(reply, 'invalid_request', 'The grant type "password" needs a username and a password.');
      }
      const service = form.get('service') ?? undefined;
      return answer(deps, reply, {
        credentials: { username, password },
        service,
        scopes: form.getAll('scope'),
        ip: request.ip,
      });
    });
    done();
  });
}

const answer = async (
  { access, config }: TokenDeps,
  reply: FastifyReply,
  { credentials, service, scopes, ip }: TokenRequest,
): Promise<FastifyReply> => {
  if (service !== undefined && service !== config.organisation) {
    throw new OciError(
      'UNSUPPORTED',
      `Tokens are given here for the service "${config.organisation}" alone.`,
      {
        status: 400,
      },
    );
  }
  const { token, expiresInSeconds, issuedAt, granted } = await access.issueToken(
    credentials,
    parseScopes(scopes).map((scope) => keepScope(scope, config.organisation)),
    addressKey(ip),
  );
  return reply.header('cache-control', 'no-store').send({
    token,
    access_token: token,
    expires_in: expiresInSeconds,
    issued_at: issuedAt.toISOString(),
    scope: granted.map(encodeScope).join(' '),
  });
};

/** Clients make scopes of the names that they were given, which may begin with our organisation (design §5). */
const keepScope = (scope: Scope, organisation: string): Scope =>
  scope.type === 'repository' && isRepositoryName(scope.name)
    ? { ...scope, name: keptName(scope.name, organisation) }
    : scope;

// RFC 6749 §5.2, which Docker's OAuth 2 specification follows.
const refuse = (reply: FastifyReply, error: string, description: string): FastifyReply =>
  reply.code(400).header('cache-control', 'no-store').send({ error, error_description: description });

const parseQuery = (query: unknown): z.infer<typeof querySchema> => {
  const parsed = querySchema.safeParse(query);
  if (parsed.success) return parsed.data;
  throw new OciError('UNSUPPORTED', 'A token request has one "service" and any number of "scope".', {
    status: 400,
  });
};

const parseBasic = (authorization: string | undefined): Credentials | undefined => {
  if (authorization === undefined) return undefined;
  const encoded = BASIC.exec(authorization)?.[1];
  const decoded = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
  const colon = decoded.indexOf(':');
  if (colon < 0) {
    throw new AccessError(
      'BAD_CREDENTIALS',
      'To sign in here, send the user name and the password as Basic credentials.',
    );
  }
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
};
