import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import {
  generateSealingKey,
  makeScope,
  sealingPanelId,
  sealingPublicKey,
  unwrapScopeSecret,
  verifyOpening,
  verifyScope,
  wrapScopeSecret,
} from '@dockchains/escrow';
import { openRecord, parseRecordId, sealRecord, verifyDisclosure } from '@dockchains/records';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { add, BASE, decode, encode, fromUniform, multiply, ORDER, toInteger } from './ristretto.ts';

const bytes = z
  .string()
  .regex(/^(?:[0-9a-f]{2})*$/)
  .transform((hex) => Buffer.from(hex, 'hex'));
const scopeSchema = z.strictObject({
  sealingKey: bytes,
  publicKey: bytes,
  panelId: bytes,
  origin: z.string(),
  scopeId: z.string(),
  repository: z.string(),
  repoSalt: bytes,
  from: z.int(),
  to: z.int(),
  repoCommit: bytes,
  label: bytes,
  R: bytes,
  Rbar: bytes,
  pi: bytes,
  D: bytes,
  opening: bytes,
  wrapped: bytes,
});
const recordSchema = z.strictObject({
  name: z.string(),
  recordId: z.string(),
  m: bytes,
  salt: bytes,
  commitment: bytes,
  key: bytes,
  body: bytes,
  entry: z.string(),
  disclosure: z.string().optional(),
});

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`./${name}`, import.meta.url), 'utf8'));
const scope = scopeSchema.parse(read('scope.json'));
const records = z.array(recordSchema).parse(read('records.json'));

const lp = (value: Uint8Array | string): Buffer => {
  const field = Buffer.from(value);
  return Buffer.concat([Buffer.from(field.length.toString(16).padStart(8, '0'), 'hex'), field]);
};
const u64 = (value: number): Buffer => Buffer.from(value.toString(16).padStart(16, '0'), 'hex');
const concat = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

async function sha(algorithm: 'SHA-256' | 'SHA-512', ...parts: readonly Uint8Array[]): Promise<Buffer> {
  return Buffer.from(await crypto.subtle.digest(algorithm, concat(...parts)));
}

async function hkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array): Promise<Buffer> {
  const key = await crypto.subtle.importKey('raw', Buffer.from(ikm), 'HKDF', false, ['deriveBits']);
  const parameters = { name: 'HKDF', hash: 'SHA-256', salt: Buffer.from(salt), info: Buffer.from(info) };
  return Buffer.from(await crypto.subtle.deriveBits(parameters, key, 256));
}

async function decrypt(rawKey: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Promise<Buffer> {
  const key = await crypto.subtle.importKey('raw', Buffer.from(rawKey), 'AES-GCM', false, ['decrypt']);
  const parameters = { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: Buffer.from(aad) };
  return Buffer.from(await crypto.subtle.decrypt(parameters, key, Buffer.from(sealed)));
}

/** RFC 9380 §5.3.1 with SHA-512 to 64 bytes, of the empty message. */
async function expandEmpty(dst: string): Promise<Buffer> {
  const suffix = concat(Buffer.from(dst), Uint8Array.of(dst.length));
  const b0 = await sha('SHA-512', new Uint8Array(128), Uint8Array.of(0, 64, 0), suffix);
  return sha('SHA-512', b0, Uint8Array.of(1), suffix);
}

const GBAR = encode(fromUniform(await expandEmpty('dockchains/v1/tdh2-gbar')));
const G = encode(BASE);

/** Checks `e ‖ z` for the two bases and points, the challenge being of `prefix` and the commitments. */
async function holds(
  proof: Buffer,
  { prefix, bases, points }: { prefix: Buffer; bases: readonly Buffer[]; points: readonly Buffer[] },
): Promise<boolean> {
  const [e, z] = [toInteger(proof.subarray(0, 32)), toInteger(proof.subarray(32))];
  const commitments = bases.map((base, at) => {
    const minus = multiply(decode(points[at] ?? Buffer.alloc(0)), ORDER - e);
    return encode(add(multiply(decode(base), z), minus));
  });
  return toInteger(await sha('SHA-512', prefix, ...commitments)) % ORDER === e;
}

describe('derived a second time', () => {
  const { label, R, Rbar, D, publicKey, opening } = scope;

  test('the key, the label and the points are those of the vectors', async () => {
    expect(encode(multiply(BASE, toInteger(scope.sealingKey)))).toEqual(publicKey);
    expect(await sha('SHA-256', lp('dockchains/v1/sealing-key'), lp(publicKey))).toEqual(scope.panelId);
    const id = Buffer.from(scope.scopeId, 'hex');
    expect(
      await sha('SHA-256', lp('dockchains/v1/repo'), lp(id), lp(scope.repository), lp(scope.repoSalt)),
    ).toEqual(scope.repoCommit);
    const fields = [
      scope.origin,
      id,
      scope.panelId,
      publicKey,
      scope.repoCommit,
      u64(scope.from),
      u64(scope.to),
    ];
    expect(await sha('SHA-256', lp('dockchains/v1/scope'), ...fields.map(lp))).toEqual(label);
    expect(encode(multiply(decode(R), toInteger(scope.sealingKey)))).toEqual(D);
    expect(opening.subarray(0, 32)).toEqual(D);
  });

  test("the encapsulation's proof holds, and for no other label", async () => {
    const statement = (of: Buffer) => ({
      prefix: concat(lp('dockchains/v1/tdh2'), lp(of), G, GBAR, R, Rbar),
      bases: [G, GBAR],
      points: [R, Rbar],
    });
    expect(await holds(scope.pi, statement(label))).toBe(true);
    expect(await holds(scope.pi, statement(scope.repoCommit))).toBe(false);
  });

  test("the opening's proof holds, and for no other point", async () => {
    const statement = (of: Buffer) => ({
      prefix: concat(lp('dockchains/v1/opening'), lp(label), G, R, publicKey, of),
      bases: [G, publicKey],
      points: [R, of],
    });
    expect(await holds(opening.subarray(32), statement(D))).toBe(true);
    expect(await holds(opening.subarray(32), statement(Rbar))).toBe(false);
  });

  test("the scope's secret is what is wrapped", async () => {
    const E = scope.wrapped.subarray(0, 32);
    const shared = encode(multiply(decode(E), toInteger(scope.sealingKey)));
    const context = concat(lp('dockchains/v1/scope-secret'), lp(label));
    const info = concat(lp('dockchains/v1/wrap-key'), lp(context));
    const key = await hkdf(concat(shared, E, publicKey), lp('dockchains/v1/wrap'), info);
    const secret = await decrypt(key, E, scope.wrapped.subarray(32));
    const name = Buffer.alloc(255);
    name.write(scope.repository);
    expect(secret).toEqual(concat(opening, scope.repoSalt, Uint8Array.of(scope.repository.length), name));
  });

  test.each(records)('$name: salt, commitment, key, body and entry', async ({ recordId, m, ...vector }) => {
    const rec = concat(lp('dockchains/v1/record'), lp(label), lp(Buffer.from(recordId, 'hex')));
    const ikm = concat(R, D);
    expect(await hkdf(ikm, label, concat(lp('dockchains/v1/salt'), rec))).toEqual(vector.salt);
    const c = await sha('SHA-256', lp('dockchains/v1/commit'), rec, lp(vector.salt), lp(m));
    expect(c).toEqual(vector.commitment);
    expect(await hkdf(ikm, label, concat(lp('dockchains/v1/key'), rec, c))).toEqual(vector.key);

    const padded = await decrypt(vector.key, concat(rec, c), vector.body);
    expect(padded.subarray(0, 4 + m.length)).toEqual(lp(m));
    expect(padded.subarray(4 + m.length)).toEqual(Buffer.alloc(padded.length - 4 - m.length));
    expect(padded.length).toBe(m.length <= 1020 ? 1024 : 2048);
    const bodyDigest = (await sha('SHA-256', vector.body)).toString('hex');
    expect(vector.entry).toBe(
      `{"_type":"https://dockchains.org/sealed/v1","bodyDigest":"sha256:${bodyDigest}","bucket":${padded.length},` +
        `"c":"${c.toString('hex')}","recordId":"${recordId}","scopeId":"${scope.scopeId}","v":1}`,
    );
  });

  test('the disclosure', () => {
    const [{ m, salt, key, entry, disclosure } = never()] = records;
    expect(disclosure).toBe(
      `{"_type":"https://dockchains.org/disclosure/v1","entry":${entry},"key":"${key.toString('hex')}",` +
        `"label":"${label.toString('hex')}","m":"${m.toString('base64')}","salt":"${salt.toString('hex')}"}`,
    );
  });
});

describe('the code that gateways run', () => {
  const { label, R, D, publicKey, sealingKey, scopeId, opening, repoSalt, repository } = scope;
  const { origin, panelId, from, to } = scope;

  test('makes the same scope of the same random bytes', () => {
    let call = 0;
    const random = (length: number) =>
      createHash('sha512').update(`dockchains vectors ${call++}`).digest().subarray(0, length);
    expect(Buffer.from(generateSealingKey(random))).toEqual(sealingKey);
    expect(Buffer.from(sealingPublicKey(sealingKey))).toEqual(publicKey);
    expect(sealingPanelId(publicKey)).toEqual(panelId);
    const made = makeScope({ origin, scopeId, panelId, publicKey, from, to, repository, repoSalt }, random);
    for (const part of ['label', 'repoCommit', 'R', 'Rbar', 'pi', 'opening'] as const) {
      expect(Buffer.from(made[part]).toString('hex')).toBe(scope[part].toString('hex'));
    }
    const secret = { opening, repoSalt, repository };
    expect(wrapScopeSecret({ publicKey, label }, secret, random)).toEqual(scope.wrapped);
  });

  test('verifies and opens the scope', () => {
    expect(verifyScope({ origin, scopeId, panelId, publicKey, from, to }, scope)).toEqual(label);
    expect(Buffer.from(verifyOpening({ label, R, publicKey }, opening))).toEqual(D);
    expect(unwrapScopeSecret({ sealingKey, label }, scope.wrapped)).toEqual({
      opening,
      repoSalt,
      repository,
    });
  });

  test.each(records)('seals and opens $name', ({ recordId, m, salt, key, body, entry, disclosure }) => {
    const scopeKey = { scopeId, label, R, D };
    const sealed = sealRecord({ ...scopeKey, recordId: parseRecordId(recordId), m });
    expect({ ...sealed, entry: Buffer.from(sealed.entry).toString() }).toEqual({ entry, body, salt, key });
    expect(openRecord({ ...scopeKey, entry: Buffer.from(entry), body })).toEqual({ m, salt, key });
    if (disclosure !== undefined) {
      expect(verifyDisclosure(Buffer.from(disclosure)).record).toMatchObject({ recordId, tag: '1.0' });
    }
  });
});

function never(): never {
  throw new Error('there are no vectors');
}
