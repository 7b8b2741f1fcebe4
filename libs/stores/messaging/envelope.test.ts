import { generateKeyPairSync, type KeyObject } from 'node:crypto';

import { expect, test } from 'vitest';

import { type Envelope, MAX_PAYLOAD_BYTES, openEnvelope, sealEnvelope } from './index.ts';

const TYPE = 'application/vnd.dockchains.package';
const acme = generateKeyPairSync('ed25519');
const later = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');
const raw = (key: KeyObject): Uint8Array => Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
const find = (organisation: string): Promise<Uint8Array[]> =>
  Promise.resolve(organisation === 'acme.example' ? [raw(acme.publicKey), raw(later.publicKey)] : []);
const seal = (key: KeyObject, organisation = 'acme.example'): Envelope =>
  sealEnvelope({ organisation, key }, TYPE, Buffer.from('payload'));
const sealed = seal(acme.privateKey);

test('what an organisation sealed opens as it was', async () => {
  await expect(openEnvelope(sealed, find)).resolves.toEqual({
    organisation: 'acme.example',
    payloadType: TYPE,
    payload: Buffer.from('payload'),
  });
});

test('F11: a key that was rotated is believed beside the new one while it is known', async () => {
  await expect(openEnvelope(seal(later.privateKey), find)).resolves.toMatchObject({ payloadType: TYPE });
});

const change = (header: string, value: string): Envelope => ({
  ...sealed,
  headers: { ...sealed.headers, [header]: value },
});

test.each([
  { name: 'another payload', envelope: { ...sealed, payload: Buffer.from('payloaf') } },
  { name: 'another type', envelope: change('Dockchains-Type', 'application/vnd.dockchains.cosigned') },
  { name: "a stranger's signature in its name", envelope: seal(stranger.privateKey) },
  { name: 'the name of nobody that is known', envelope: seal(acme.privateKey, 'evil.example') },
  { name: 'no signature', envelope: change('Dockchains-Signature', '') },
  { name: 'half a signature', envelope: change('Dockchains-Signature', 'acme.example AAAA') },
  { name: 'no type', envelope: change('Dockchains-Type', '') },
])('F6: a message with $name is not believed', async ({ envelope }) => {
  await expect(openEnvelope(envelope, find)).rejects.toMatchObject({ code: 'BAD_ENVELOPE' });
});

test('F8: what is too large is neither sealed nor opened', async () => {
  const payload = Buffer.alloc(MAX_PAYLOAD_BYTES + 1);
  expect(() => sealEnvelope({ organisation: 'acme.example', key: acme.privateKey }, TYPE, payload)).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  );
  await expect(openEnvelope({ ...sealed, payload }, find)).rejects.toMatchObject({ code: 'TOO_LARGE' });
});
