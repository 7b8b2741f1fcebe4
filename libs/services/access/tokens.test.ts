import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

import fc from 'fast-check';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';

import { createTokens } from './tokens.ts';

const ORGANISATION = 'acme.example';
const ID = 'a'.repeat(32);
const NOW = new Date('2026-01-01T00:00:00Z');
const { privateKey } = generateKeyPairSync('ed25519');
const tokens = createTokens(privateKey, ORGANISATION);
const scopes = [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }];
const after = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);

const INVALID: unknown = expect.objectContaining({ code: 'INVALID_TOKEN' });
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const claims = {
  iss: ORGANISATION,
  aud: ORGANISATION,
  sub: ID,
  iat: NOW.getTime() / 1000,
  exp: NOW.getTime() / 1000 + 300,
  access: scopes,
};
const header = { alg: 'EdDSA', typ: 'dockchains-access+jwt' };

const signed = (
  changes: Record<string, unknown>,
  key: KeyObject = privateKey,
  protectedHeader: { alg: string; typ?: string } = header,
): Promise<string> => new SignJWT({ ...claims, ...changes }).setProtectedHeader(protectedHeader).sign(key);

test('a token gives back its principal and scopes for five minutes', async () => {
  const token = await tokens.sign({ id: ID, scopes }, NOW);
  expect(await tokens.verify(token, NOW)).toEqual({ id: ID, scopes });
  expect(await tokens.verify(token, after(299))).toEqual({ id: ID, scopes });
  await expect(tokens.verify(token, after(300))).rejects.toEqual(INVALID);
});

test('a token says which password or secret of its principal it was given for', async () => {
  const token = await tokens.sign({ id: ID, scopes, generation: 7 }, NOW);
  expect(await tokens.verify(token, NOW)).toEqual({ id: ID, scopes, generation: 7 });
});

test('an anonymous token has no principal', async () => {
  expect(await tokens.verify(await tokens.sign({ id: undefined, scopes: [] }, NOW), NOW)).toEqual({
    id: undefined,
    scopes: [],
  });
});

test('with a grace an ended token is read, and said to be expired', async () => {
  const token = await tokens.sign({ id: ID, scopes }, NOW);
  expect(await tokens.verify(token, after(299), 3600)).toEqual({ id: ID, scopes });
  expect(await tokens.verify(token, after(300 + 3599), 3600)).toEqual({ id: ID, scopes, expired: true });
  await expect(tokens.verify(token, after(300 + 3600), 3600)).rejects.toEqual(INVALID);
});

test('more tokens than are remembered are all read', async () => {
  const issued = await Promise.all(
    Array.from({ length: 1_100 }, (_, index) =>
      tokens.sign(
        { id: ID, scopes: [{ type: 'repository', name: `team/${index}`, actions: ['pull'] }] },
        NOW,
      ),
    ),
  );
  for (const round of [0, 1]) {
    const read = await Promise.all(issued.map((token) => tokens.verify(token, after(round))));
    expect(read.map(({ scopes: [scope] }) => scope?.name)).toEqual(issued.map((_, index) => `team/${index}`));
  }
});

test('scopes that do not fit into a header are refused', async () => {
  const many = Array.from({ length: 100 }, (_, index) => ({
    type: 'repository',
    name: `team/${'x'.repeat(200)}${index}`,
    actions: ['pull'],
  }));
  await expect(tokens.sign({ id: ID, scopes: many }, NOW)).rejects.toEqual(
    expect.objectContaining({ code: 'INVALID_INPUT' }),
  );
});

describe('refuses', () => {
  const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
  const publicRaw = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-32);
  const hmac = (key: string | Buffer): string => {
    const input = `${base64url({ ...header, alg: 'HS256' })}.${base64url(claims)}`;
    return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
  };
  const forgeries: readonly { name: string; make: () => string | Promise<string> }[] = [
    {
      name: 'no signature, alg none',
      make: () => `${base64url({ ...header, alg: 'none' })}.${base64url(claims)}.`,
    },
    { name: 'HS256 keyed with the public key as PEM', make: () => hmac(publicPem) },
    { name: 'HS256 keyed with the public key as bytes', make: () => hmac(publicRaw) },
    { name: "another key's signature", make: () => signed({}, generateKeyPairSync('ed25519').privateKey) },
    { name: 'another issuer', make: () => signed({ iss: 'globex.example' }) },
    { name: 'another audience', make: () => signed({ aud: 'globex.example' }) },
    { name: 'no audience', make: () => signed({ aud: undefined }) },
    {
      name: 'another type of token',
      make: () => signed({}, privateKey, { alg: 'EdDSA', typ: 'receipt+jwt' }),
    },
    { name: 'no type', make: () => signed({}, privateKey, { alg: 'EdDSA' }) },
    { name: 'no end', make: () => signed({ exp: undefined }) },
    { name: 'no subject', make: () => signed({ sub: undefined }) },
    { name: 'a subject that is no principal id', make: () => signed({ sub: 'alice' }) },
    { name: 'no access claim', make: () => signed({ access: undefined }) },
    { name: 'an access claim of another shape', make: () => signed({ access: { '**': 'admin' } }) },
    { name: 'an empty text', make: () => '' },
    { name: 'a text of dots', make: () => '..' },
    { name: 'too long a text', make: async () => `${await signed({})}${'A'.repeat(8000)}` },
  ];
  test.each(forgeries)('$name', async ({ make }) => {
    await expect(tokens.verify(await make(), NOW)).rejects.toEqual(INVALID);
  });

  test('any token with a changed character', async () => {
    const token = await tokens.sign({ id: ID, scopes }, NOW);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';
    await fc.assert(
      fc.asyncProperty(
        // The last character carries bits that base64url lets be anything.
        fc.nat({ max: token.length - 2 }),
        fc.constantFrom(...Array.from(alphabet)),
        async (index, character) => {
          fc.pre(token[index] !== character);
          const changed = token.slice(0, index) + character + token.slice(index + 1);
          await expect(tokens.verify(changed, NOW)).rejects.toEqual(INVALID);
        },
      ),
    );
  });
});
