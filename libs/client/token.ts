import { z } from 'zod';

import { ClientError } from './errors.ts';
import { type Fetch, parseJson, sendOk } from './http.ts';
import { printable } from './text.ts';

/** An account's name and password; the password never appears in a message. */
export type Credentials = { readonly username: string; readonly password: string };

/** What a 401 asks for (Docker token authentication, WWW-Authenticate). */
export type Challenge = { readonly realm: string; readonly service?: string; readonly scope?: string };

/** Gives bearer tokens for one gateway, each kept until shortly before it expires. */
export type TokenSource = (challenge: Challenge) => Promise<string>;

const tokenSchema = z
  .looseObject({
    token: z.string().min(1).max(16_384).optional(),
    access_token: z.string().min(1).max(16_384).optional(),
    expires_in: z.number().positive().optional(),
  })
  .transform((body) => ({ token: body.token ?? body.access_token, expiresInSeconds: body.expires_in ?? 60 }));

const MAX_TOKEN_BYTES = 64 * 1024;
const MAX_TOKENS = 100;
const EARLY_MS = 10_000;

/**
 * Reads a `WWW-Authenticate` header; undefined if it asks for something other than a bearer token.
 */
export function findChallenge(header: string | null): Challenge | undefined {
  const [, parameters] = /^Bearer\s+(.{1,4096})$/i.exec(header ?? '') ?? [];
  if (parameters === undefined) return undefined;
  const fields = new Map<string, string>();
  for (const [, name, value] of parameters.matchAll(/([a-z_]{1,32})="([^"]{0,2048})"/gi)) {
    if (name !== undefined && value !== undefined) fields.set(name.toLowerCase(), value);
  }
  const realm = fields.get('realm');
  if (realm === undefined || !URL.canParse(realm)) return undefined;
  const service = fields.get('service');
  const scope = fields.get('scope');
  return { realm, ...(service !== undefined && { service }), ...(scope !== undefined && { scope }) };
}

/**
 * Opens a source of tokens for the gateway at `url`, anonymous without credentials. Credentials go to the gateway's own
 * host, or to another by TLS alone; one that is reached by TLS is not asked without.
 */
export function openTokenSource(
  fetch: Fetch,
  { url, credentials }: { url: string; credentials: Credentials | undefined },
): TokenSource {
  const tokens = new Map<string, { token: string; expiresAt: number }>();

  return async (challenge) => {
    const key = JSON.stringify(challenge);
    const known = tokens.get(key);
    if (known !== undefined && known.expiresAt > performance.now()) return known.token;

    const realm = new URL(challenge.realm);
    if (realm.protocol !== 'https:' && realm.origin !== new URL(url).origin) {
      throw new ClientError(
        'BAD_RESPONSE',
        `${printable(url)} sends to ${printable(realm.host)} for a token, without TLS. Credentials are not sent there.`,
      );
    }
    const { token, expiresInSeconds } = await fetchToken(fetch, challenge, credentials);
    if (tokens.size >= MAX_TOKENS) tokens.clear();
    tokens.set(key, { token, expiresAt: performance.now() + expiresInSeconds * 1000 - EARLY_MS });
    return token;
  };
}

async function fetchToken(fetch: Fetch, challenge: Challenge, credentials: Credentials | undefined) {
  const url = new URL(challenge.realm);
  if (challenge.service !== undefined) url.searchParams.set('service', challenge.service);
  for (const scope of challenge.scope?.split(' ') ?? []) url.searchParams.append('scope', scope);
  if (credentials !== undefined) url.searchParams.set('account', credentials.username);

  const { bytes } = await sendOk(fetch, {
    url: url.href,
    headers: credentials === undefined ? {} : { authorization: basic(credentials) },
    maxBytes: MAX_TOKEN_BYTES,
  });
  const parsed = tokenSchema.safeParse(parseJson(bytes, challenge.realm));
  if (!parsed.success || parsed.data.token === undefined) {
    throw new ClientError('BAD_RESPONSE', `${printable(challenge.realm)} answered without a token.`);
  }
  return { token: parsed.data.token, expiresInSeconds: parsed.data.expiresInSeconds };
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
