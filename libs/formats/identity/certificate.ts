import type { Key, PrivateKey, PublicKey } from 'openpgp';

import { IdentityError } from './errors.ts';

declare module 'openpgp' {
  interface Key {
    // Its own declaration leaves out that null means: at any time.
    isRevoked(signature: undefined, key: undefined, date: null): Promise<boolean>;
  }
}

// A gateway needs it when a descriptor changes, which is rare: 60 ms and 25 MB are spent only then.
const openpgp = () => import('openpgp');

/** A private OpenPGP key that certifies its organisation's descriptors. */
export type CertificateKey = {
  /** 40 hexadecimal digits, uppercase. */
  readonly fingerprint: string;
  /** Its public certificate in base64. */
  readonly certificate: string;
  /** A detached binary signature of these bytes (RFC 4880, type 0x00), made at a time not before the key's own. */
  sign(bytes: Uint8Array, at: Date): Promise<Uint8Array>;
};

/** Reads an armored private key that has no passphrase. @throws IdentityError BAD_CERTIFICATE */
export async function openCertificateKey(armored: string): Promise<CertificateKey> {
  const { readPrivateKey, createMessage, sign } = await openpgp();
  let key: PrivateKey;
  try {
    key = await readPrivateKey({ armoredKey: armored });
  } catch (cause) {
    throw new IdentityError('BAD_CERTIFICATE', "The private key of the certificate can't be read.", {
      cause,
    });
  }
  if (!key.isDecrypted()) {
    throw new IdentityError(
      'BAD_CERTIFICATE',
      'The private key of the certificate has a passphrase: store it without one, readable by the gateway alone.',
    );
  }
  return {
    fingerprint: fingerprintOf(key),
    certificate: Buffer.from(key.toPublic().write()).toString('base64'),
    sign: async (bytes, at) =>
      Buffer.from(
        await sign({
          message: await createMessage({ binary: Buffer.from(bytes) }),
          signingKeys: key,
          detached: true,
          format: 'binary',
          date: at,
          // So that gateways which sign the same descriptor sign the same bytes.
          config: { nonDeterministicSignaturesViaNotation: false },
        }),
      ),
  };
}

/**
 * Gives a new Ed25519 private key for an organisation, armored and without a passphrase, of the version that gpg 2.2 reads (v4,
 * `ed25519Legacy`).
 */
export async function createCertificateKey(organisation: string, at: Date): Promise<string> {
  const { generateKey } = await openpgp();
  const { privateKey } = await generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: organisation }],
    subkeys: [],
    date: at,
    format: 'armored',
  });
  return privateKey;
}

/** The fingerprint of a public certificate in base64. @throws IdentityError BAD_CERTIFICATE */
export async function certificateFingerprint(certificate: string): Promise<string> {
  return fingerprintOf(await readCertificate(certificate));
}

/**
 * Verifies a detached binary signature by the certificate, its own key or a signing subkey. Expiry is not looked at: what
 * certifies keys takes effect by the order of descriptors, not by a clock.
 * @throws IdentityError BAD_CERTIFICATE for one that can't be read or is revoked, BAD_SIGNATURE
 */
export async function verifySignature(
  certificate: string,
  { bytes, signature }: { bytes: Uint8Array; signature: Uint8Array },
): Promise<void> {
  const { createMessage, enums, readSignature, verify } = await openpgp();
  const key = await readCertificate(certificate);
  try {
    const parsed = await readSignature({ binarySignature: signature });
    const [packet] = parsed.packets;
    if (parsed.packets.length !== 1 || packet?.signatureType !== enums.signature.binary) {
      throw badSignature('it is not one signature over binary data');
    }
    const { signatures } = await verify({
      message: await createMessage({ binary: Buffer.from(bytes) }),
      signature: parsed,
      verificationKeys: key,
      format: 'binary',
      date: null, // no clock is asked
    });
    await Promise.all(signatures.map(({ verified }) => verified));
    if (signatures.length !== 1) throw badSignature('it is not one signature');
  } catch (cause) {
    if (cause instanceof IdentityError) throw cause;
    throw badSignature('it is not of these bytes by this certificate', cause);
  }
}

async function readCertificate(certificate: string): Promise<PublicKey> {
  const { readKeys } = await openpgp();
  let keys: Key[];
  try {
    keys = await readKeys({ binaryKeys: Buffer.from(certificate, 'base64') });
  } catch (cause) {
    throw new IdentityError('BAD_CERTIFICATE', "The OpenPGP certificate can't be read.", { cause });
  }
  const [key] = keys;
  if (key === undefined || keys.length > 1 || key.isPrivate()) {
    throw new IdentityError('BAD_CERTIFICATE', 'One public OpenPGP certificate is expected.');
  }
  if (await key.isRevoked(undefined, undefined, null)) {
    throw new IdentityError(
      'BAD_CERTIFICATE',
      'The OpenPGP certificate is revoked: ask the organisation for the fingerprint of its new one.',
    );
  }
  return key.toPublic();
}

function fingerprintOf(key: Key): string {
  const fingerprint = key.getFingerprint().toUpperCase();
  if (fingerprint.length === 40) return fingerprint;
  throw new IdentityError('BAD_CERTIFICATE', 'The OpenPGP certificate is not of version 4, which gpg reads.');
}

function badSignature(reason: string, cause?: unknown): IdentityError {
  return new IdentityError(
    'BAD_SIGNATURE',
    `The OpenPGP signature of the descriptor is refused: ${reason}.`,
    { cause },
  );
}
