import { createPublicKey, type KeyObject } from 'node:crypto';

import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';

import { AccessError } from './errors.ts';
import type { Principal } from './principal.ts';

/** How long a token is good for, in seconds. */
export const TOKEN_SECONDS = 300;

/** How long past its end a genuine token may still end its own upload, in seconds. */
export const UPLOAD_GRACE_SECONDS = 24 * 60 * 60;

/** Signs tokens and reads them: EdDSA JWTs whose `access` claim is that of Docker's token specification. */
export interface Tokens {
  /**
   * Signs a token for a principal and its scopes from `now` on.
   * @throws AccessError INVALID_INPUT if the scopes do not fit into a header
   */
  sign(principal: Principal, now: Date): Promise<string>;
  /**
   * Reads a token that is good at `now`; or, if `graceSeconds` (at most {@link UPLOAD_GRACE_SECONDS}) says so, one that ended less than that ago, with the
   * principal marked as expired.
   * @throws AccessError INVALID_TOKEN
   */
  verify(token: string, now: Date, graceSeconds?: number): Promise<Principal>;
}

const TYPE = 'dockchains-access+jwt';
// Node refuses headers over 16 KiB altogether; proxies often over 8.
const MAX_TOKEN = 7_680;
const MAX_REMEMBERED = 1_000;

const payloadSchema = z.object({
  sub: z.union([z.literal(''), z.string().regex(/^[0-9a-f]{32}$/)]),
  exp: z.number().int(),
  gen: z.number().int().optional(),
  access: z.array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()) })),
});

type Genuine = { readonly principal: Principal; readonly endsAtMs: number };

/** Makes the {@link Tokens} of an organisation, issuer and audience alike, under its Ed25519 token key. */
export function createTokens(tokenKey: KeyObject, organisation: string): Tokens {
  const publicKey = createPublicKey(tokenKey);
  // That a token is genuine stays true: a client that shows it a thousand times has its signature checked once.
  const genuine = new Map<string, Genuine>();

  const check = async (token: string, now: Date): Promise<Genuine> => {
    const { payload } = await jwtVerify(token, publicKey, {
      algorithms: ['EdDSA'],
      typ: TYPE,
      issuer: organisation,
      audience: organisation,
      requiredClaims: ['exp', 'sub'],
      currentDate: now,
      clockTolerance: UPLOAD_GRACE_SECONDS,
    }).catch((cause: unknown) => {
      throw cause instanceof errors.JOSEError ? invalid(cause) : cause;
    });
    const parsed = payloadSchema.safeParse(payload);
    if (!parsed.success) throw invalid(parsed.error);
    const { sub, exp, gen, access } = parsed.data;
    const principal = {
      ...{ id: sub === '' ? undefined : sub, scopes: access },
      ...(gen !== undefined && { generation: gen }),
    };
    return { principal, endsAtMs: exp * 1000 };
  };

  const remember = (token: string, checked: Genuine): void => {
    genuine.set(token, checked);
    const [oldest] = genuine.keys();
    if (genuine.size > MAX_REMEMBERED && oldest !== undefined) genuine.delete(oldest);
  };

  return {
    async sign({ id = '', scopes, generation }, now) {
      const issuedAt = Math.floor(now.getTime() / 1000);
      const token = await new SignJWT({
        access: scopes,
        ...(generation !== undefined && { gen: generation }),
      })
        .setProtectedHeader({ alg: 'EdDSA', typ: TYPE })
        .setIssuer(organisation)
        .setAudience(organisation)
        .setSubject(id)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + TOKEN_SECONDS)
        .sign(tokenKey);
      if (token.length <= MAX_TOKEN) return token;
      throw new AccessError('INVALID_INPUT', 'A token cannot hold that many scopes: ask for fewer at once.');
    },

    async verify(token, now, graceSeconds = 0) {
      if (token.length > MAX_TOKEN) throw invalid();
      const known = genuine.get(token);
      const { principal, endsAtMs } = known ?? (await check(token, now));
      if (known === undefined) remember(token, { principal, endsAtMs });
      if (now.getTime() < endsAtMs) return principal;
      if (now.getTime() < endsAtMs + graceSeconds * 1000) return { ...principal, expired: true };
      throw invalid();
    },
  };
}

const invalid = (cause?: Error): AccessError =>
  new AccessError('INVALID_TOKEN', 'The token is not good here, or no longer: sign in again.', { cause });
