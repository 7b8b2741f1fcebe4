import {
  createMessage,
  generateKey,
  type Message,
  type PrivateKey,
  reformatKey,
  revokeKey,
  sign,
} from 'openpgp';
import { describe, expect, test } from 'vitest';

import { verifySignature } from './certificate.ts';
import { certificateFingerprint, createCertificateKey, openCertificateKey } from './index.ts';
import { makeCertificate, SIGNED_AT } from './testing/organisation.ts';

const bytes = Buffer.from('what is signed');
const DAY_MS = 86_400_000;
const base64 = (binary: Uint8Array): string => Buffer.from(binary).toString('base64');

/** A key as gpg users have them, with what they may do to it. */
const makeKey = (keyExpirationTime = 0) =>
  generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: 'acme.example' }],
    date: new Date(SIGNED_AT.getTime() - DAY_MS),
    keyExpirationTime,
    format: 'object',
  });

/** A detached signature made at a time, as any OpenPGP program makes it. */
const signWith = async (
  privateKey: PrivateKey,
  message: Message<Uint8Array | string>,
  at = SIGNED_AT,
): Promise<Uint8Array> =>
  Buffer.from(await sign({ message, signingKeys: privateKey, detached: true, format: 'binary', date: at }));

describe('a signature', () => {
  test('verifies by its certificate, and not over other bytes or by another certificate', async () => {
    const key = await makeCertificate();
    const signature = await key.sign(bytes, SIGNED_AT);
    await verifySignature(key.certificate, { bytes, signature });
    await expect(
      verifySignature(key.certificate, { bytes: Buffer.from('what is not'), signature }),
    ).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
    const { certificate } = await makeCertificate();
    await expect(verifySignature(certificate, { bytes, signature })).rejects.toMatchObject({
      code: 'BAD_SIGNATURE',
    });
  });

  test('verifies when the clocks of both sides differ: no clock is asked', async () => {
    const later = new Date('2099-01-01T00:00:00Z');
    const key = await openCertificateKey(await createCertificateKey('acme.example', later));
    await verifySignature(key.certificate, { bytes, signature: await key.sign(bytes, later) });
  });

  test('over a text is none over its bytes', async () => {
    const { privateKey, publicKey } = await makeKey();
    const signature = await signWith(privateKey, await createMessage({ text: 'what is signed' }));
    await expect(verifySignature(base64(publicKey.write()), { bytes, signature })).rejects.toMatchObject({
      code: 'BAD_SIGNATURE',
    });
  });

  test('that is two, or none, is refused', async () => {
    const key = await makeCertificate();
    const signature = await key.sign(bytes, SIGNED_AT);
    for (const other of [Buffer.concat([signature, signature]), Buffer.alloc(0), Buffer.from('x')]) {
      await expect(verifySignature(key.certificate, { bytes, signature: other })).rejects.toMatchObject({
        code: 'BAD_SIGNATURE',
      });
    }
  });
});

describe('a certificate', () => {
  test('that is revoked is refused', async () => {
    const { privateKey, publicKey } = await makeKey();
    const signature = await signWith(privateKey, await createMessage({ binary: bytes }));
    await verifySignature(base64(publicKey.write()), { bytes, signature });
    const revoked = await revokeKey({ key: privateKey, format: 'object' });
    await expect(
      verifySignature(base64(revoked.publicKey.write()), { bytes, signature }),
    ).rejects.toMatchObject({ code: 'BAD_CERTIFICATE' });
    await expect(certificateFingerprint(base64(revoked.publicKey.write()))).rejects.toMatchObject({
      code: 'BAD_CERTIFICATE',
    });
  });

  test('that has expired still verifies what it certified', async () => {
    const { privateKey, publicKey } = await makeKey(2 * 3600);
    const at = new Date(SIGNED_AT.getTime() - DAY_MS + 3_600_000);
    const signature = await signWith(privateKey, await createMessage({ binary: bytes }), at);
    await verifySignature(base64(publicKey.write()), { bytes, signature });
  });

  test('that is a private key, two keys or nothing is refused', async () => {
    const { privateKey, publicKey } = await makeKey();
    const other = await makeKey();
    for (const binary of [
      privateKey.write(),
      Buffer.concat([publicKey.write(), other.publicKey.write()]),
      Buffer.from('nothing'),
    ]) {
      await expect(certificateFingerprint(base64(binary))).rejects.toMatchObject({ code: 'BAD_CERTIFICATE' });
    }
  });

  test("whose private key has a passphrase can't sign", async () => {
    const { privateKey } = await makeKey();
    const locked = await reformatKey({
      privateKey,
      userIDs: [{ name: 'acme.example' }],
      passphrase: 'secret',
    });
    await expect(openCertificateKey(locked.privateKey)).rejects.toMatchObject({ code: 'BAD_CERTIFICATE' });
    await expect(openCertificateKey('none')).rejects.toMatchObject({ code: 'BAD_CERTIFICATE' });
  });
});
