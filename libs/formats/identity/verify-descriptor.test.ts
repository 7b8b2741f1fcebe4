import { generateKeyPairSync } from 'node:crypto';

import { createNoteSigner, encodeVerifierKey } from '@dockchains/tlog';
import { beforeAll, describe, expect, test } from 'vitest';

import { encodeEnvelope, parseEnvelope, signedBytes } from './envelope.ts';
import {
  type CertificateKey,
  type Descriptor,
  encodeDescriptor,
  type KnownDescriptor,
  readKnownDescriptor,
  signDescriptor,
  verifyDescriptor,
} from './index.ts';
import { makeCertificate, makeDescriptor, SIGNED_AT } from './testing/organisation.ts';

let key: CertificateKey;
let first: Descriptor;
let envelope: string;
let known: KnownDescriptor;

beforeAll(async () => {
  key = await makeCertificate();
  first = makeDescriptor(key);
  envelope = await signDescriptor(first, [key]);
  known = await verifyDescriptor(envelope, key.fingerprint);
});

const next = (changes: Partial<Descriptor> = {}): Descriptor => ({
  ...first,
  number: 2,
  previous: known.hash,
  ...changes,
});

/** Signs whatever bytes are given as the payload. */
const signPayload = async (payload: Uint8Array): Promise<string> =>
  encodeEnvelope({
    payload,
    signatures: new Map([[key.fingerprint, await key.sign(signedBytes(payload), SIGNED_AT)]]),
  });
const signText = (text: string): Promise<string> => signPayload(Buffer.from(text));
const textOf = (descriptor: unknown): string => JSON.stringify(descriptor);

describe('a descriptor', () => {
  test('verifies by the fingerprint of its certificate', () => {
    expect(known).toMatchObject({ descriptor: first, fingerprint: key.fingerprint });
    expect(readKnownDescriptor(envelope, key.fingerprint)).toEqual(known);
  });

  test('is signed to the same bytes by whoever signs it', async () => {
    expect(await signDescriptor(first, [key])).toBe(envelope);
  });

  test('may have members that a later version added, which the signature covers', async () => {
    const text = new TextDecoder().decode(encodeDescriptor(first)).replace(/\}$/, ',"zone":{"x":1}}');
    const { descriptor } = await verifyDescriptor(await signText(text), key.fingerprint);
    expect(descriptor).toEqual(first);
  });

  test('is not believed by another fingerprint', async () => {
    await expect(verifyDescriptor(envelope, 'AB'.repeat(20))).rejects.toMatchObject({
      code: 'BAD_CERTIFICATE',
    });
  });

  test('is not believed when any byte of its payload or signature is another', async () => {
    const { payload, signatures } = parseEnvelope(envelope);
    const signature = signatures.get(key.fingerprint) ?? Buffer.alloc(0);
    // The organisation's name within the payload, and the last byte of the signature.
    const changed = Buffer.from(Buffer.from(payload).toString().replace('registry.acme', 'registry.evil'));
    await expect(
      verifyDescriptor(encodeEnvelope({ payload: changed, signatures }), key.fingerprint),
    ).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
    const bent = Buffer.from(signature);
    bent.writeUInt8((bent.at(-1) ?? 0) ^ 1, bent.length - 1);
    const forged = encodeEnvelope({ payload, signatures: new Map([[key.fingerprint, bent]]) });
    await expect(verifyDescriptor(forged, key.fingerprint)).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
  });

  test("is not believed by another key's signature under the fingerprint's name", async () => {
    const other = await makeCertificate();
    const payload = encodeDescriptor(first);
    const sig = await other.sign(signedBytes(payload), SIGNED_AT);
    for (const keyid of [key.fingerprint, other.fingerprint]) {
      const forged = encodeEnvelope({ payload, signatures: new Map([[keyid, sig]]) });
      await expect(verifyDescriptor(forged, key.fingerprint)).rejects.toMatchObject({
        code: 'BAD_SIGNATURE',
      });
    }
  });

  test('is not believed when the payload alone is signed, without its type', async () => {
    const payload = encodeDescriptor(first);
    const bare = encodeEnvelope({
      payload,
      signatures: new Map([[key.fingerprint, await key.sign(payload, SIGNED_AT)]]),
    });
    await expect(verifyDescriptor(bare, key.fingerprint)).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
  });
});

const logKeyOf = (name: string): string => {
  const { privateKey } = generateKeyPairSync('ed25519');
  return encodeVerifierKey(createNoteSigner({ name, privateKey }).verifierKey);
};

test('a log that had to be closed is followed by one with a number', async () => {
  const { keys } = first;
  const logs = { public: logKeyOf('acme.example/ledger/public/2'), private: keys.logs.private };
  const followed = next({ keys: { ...keys, logs } });
  const signed = await signDescriptor(followed, [key]);
  const { descriptor } = await verifyDescriptor(signed, key.fingerprint, { after: known });
  expect(descriptor.keys.logs).toEqual(logs);
});

describe('refused although it is signed', () => {
  test.each<{ name: string; text: () => string }>([
    { name: 'not canonical', text: () => textOf(first) },
    { name: 'not JSON', text: () => '{' },
    { name: 'behind a byte order mark', text: () => '\ufeff{}' },
    { name: 'empty', text: () => '{}' },
  ])('$name', async ({ text }) => {
    await expect(verifyDescriptor(await signText(text()), key.fingerprint)).rejects.toMatchObject({
      code: 'BAD_DESCRIPTOR',
    });
  });

  test.each<{ name: string; change: (valid: Descriptor) => unknown }>([
    { name: 'number zero', change: (valid) => ({ ...valid, number: 0 }) },
    { name: 'a number that is none', change: (valid) => ({ ...valid, number: 1.5 }) },
    { name: 'an organisation in capitals', change: (valid) => ({ ...valid, organisation: 'ACME.example' }) },
    {
      name: "another organisation's log",
      change: ({ keys, ...valid }) => ({
        ...valid,
        keys: { ...keys, logs: { ...keys.logs, public: keys.logs.private } },
      }),
    },
    ...['1', '02', '1000', '2/2'].map((number) => ({
      name: `a log that is no successor, by the number ${number}`,
      change: ({ keys, ...valid }: Descriptor) => ({
        ...valid,
        keys: { ...keys, logs: { ...keys.logs, public: logKeyOf(`acme.example/ledger/public/${number}`) } },
      }),
    })),
    {
      name: 'a cosigner that is no cosigner',
      change: ({ keys, ...valid }) => ({ ...valid, keys: { ...keys, witness: keys.logs.public } }),
    },
    {
      name: 'one key in two roles',
      change: ({ keys, ...valid }) => ({
        ...valid,
        keys: {
          ...keys,
          receipt: { ...keys.receipt, x: Buffer.from(keys.message, 'base64').toString('base64url') },
        },
      }),
    },
    {
      name: 'a message key of 31 bytes',
      change: ({ keys, ...valid }) => ({
        ...valid,
        keys: { ...keys, message: Buffer.alloc(31).toString('base64') },
      }),
    },
    {
      name: 'an endpoint that is no web address',
      change: ({ endpoints, ...valid }) => ({ ...valid, endpoints: { ...endpoints, log: 'file:///etc' } }),
    },
    {
      name: 'too many former keys',
      change: (valid) => ({
        ...valid,
        formerKeys: Array.from({ length: 65 }, () => ({ role: 'witness', key: 'x', state: 'replaced' })),
      }),
    },
  ])('with $name', async ({ change }) => {
    const { default: canonicalize } = await import('canonicalize');
    const signed = await signText(canonicalize(change(first)) ?? '');
    await expect(verifyDescriptor(signed, key.fingerprint)).rejects.toMatchObject({ code: 'BAD_DESCRIPTOR' });
  });

  test.each<{ name: string; text: () => string }>([
    { name: 'longer than 64 KiB', text: () => envelope + ' '.repeat(64 * 1024) },
    { name: 'no JSON', text: () => 'signed' },
    { name: 'of another type', text: () => envelope.replace('vnd.dockchains', 'vnd.other') },
    { name: 'without a signature', text: () => textOf({ ...JSON.parse(envelope), signatures: [] }) },
    { name: 'with an unknown member', text: () => textOf({ ...JSON.parse(envelope), logs: [] }) },
  ])('an envelope $name', async ({ text }) => {
    await expect(verifyDescriptor(text(), key.fingerprint)).rejects.toMatchObject({ code: 'BAD_DESCRIPTOR' });
  });
});

describe('behind a known descriptor', () => {
  const verify = async (descriptor: Descriptor, keys = [key]): Promise<KnownDescriptor> =>
    verifyDescriptor(await signDescriptor(descriptor, keys), key.fingerprint, { after: known });

  test('the same one and later ones are taken, also with numbers left out', async () => {
    expect(await verify(first)).toEqual(known);
    expect((await verify(next())).descriptor.number).toBe(2);
    expect((await verify(next({ number: 5, previous: '00'.repeat(32) }))).descriptor.number).toBe(5);
  });

  test('an older one is refused', async () => {
    const second = await verify(next());
    await expect(verifyDescriptor(envelope, key.fingerprint, { after: second })).rejects.toMatchObject({
      code: 'OLD_DESCRIPTOR',
    });
  });

  test.each<{ name: string; other: () => Descriptor }>([
    { name: 'of the same number', other: () => ({ ...first, created: '2026-11-21T12:00:01.000Z' }) },
    { name: 'that follows another one', other: () => next({ previous: '00'.repeat(32) }) },
    {
      name: 'of another organisation',
      other: () => ({ ...makeDescriptor(key, 'globex.example'), number: 2 }),
    },
  ])('one $name is a conflict', async ({ other }) => {
    await expect(verify(other())).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('another certificate is taken when the old and the new one sign it', async () => {
    const replacement = await makeCertificate();
    const moved = next({ certificate: replacement.certificate });
    expect(await verify(moved, [key, replacement])).toMatchObject({ fingerprint: replacement.fingerprint });
    for (const keys of [[key], [replacement]]) {
      await expect(verify(moved, keys)).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
    }
    const signed = await signDescriptor(moved, [key, replacement]);
    await expect(verifyDescriptor(signed, key.fingerprint)).rejects.toMatchObject({
      code: 'BAD_CERTIFICATE',
    });
  });
});
