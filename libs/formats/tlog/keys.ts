import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';

import { decodeBase64, encodeBase64, hasControl } from './encoding.ts';
import { TlogError } from './errors.ts';

/** Signature types that are made and verified: 0x01 Ed25519, 0x04 timestamped Ed25519 cosignature (signed-note, Signature types). */
export type SignatureType = 0x01 | 0x04;

/** Type of a log's own signature: Ed25519 over the note's text. */
export const ED25519_TYPE = 0x01;

/** Type of a cosignature/v1: Ed25519 over a time and the note's text. */
export const COSIGNATURE_TYPE = 0x04;

/** A key that signatures are checked with: `name` and `keyId`, a 32-bit number, find it; `publicKey` is Ed25519's 32 bytes. */
export type VerifierKey = { name: string; keyId: number; type: SignatureType; publicKey: Uint8Array };

const ED25519_KEY_BYTES = 32;
/** Length limit of a key's name, and so of an origin, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 255;
const MAX_VERIFIER_KEY = 512;

/** Says whether the text can name a key: not empty, no white space, control characters below U+0020 or "+" (signed-note, Format). */
export function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !/[\p{White_Space}+]/u.test(name) && !hasControl(name);
}

/** Gives the 32-bit id of a key: the first bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key) (signed-note, Signatures). */
export function keyId(name: string, type: number, publicKey: Uint8Array): number {
  const input = Buffer.concat([Buffer.from(`${name}\n`), Uint8Array.of(type), publicKey]);
  return hash('sha256', input, 'buffer').readUInt32BE(0);
}

/**
 * Reads a vkey, `name+keyid+base64(type ‖ public key)` (signed-note, Verifier keys).
 * @throws TlogError BAD_KEY for another form, type or length, or an id that is not the key's
 */
export function parseVerifierKey(text: string): VerifierKey {
  const [name, id, encoded, ...rest] = text.length <= MAX_VERIFIER_KEY ? text.split('+') : [];
  // Base64 may hold "+" itself.
  const bytes = encoded === undefined ? undefined : decodeBase64([encoded, ...rest].join('+'));
  if (name === undefined || id === undefined || bytes === undefined) {
    throw new TlogError('BAD_KEY', `"${text.slice(0, 80)}" is no verifier key: name+id+base64 is expected.`);
  }
  const key = createVerifierKey(name, bytes[0] ?? 0, bytes.subarray(1));
  if (encodeKeyId(key.keyId) === id) return key;
  throw new TlogError(
    'BAD_KEY',
    `The id of the verifier key "${name}" is not that of its name, type and key.`,
  );
}

/** Encodes a key as its vkey (signed-note, Verifier keys). */
export function encodeVerifierKey({ name, keyId, type, publicKey }: VerifierKey): string {
  return `${name}+${encodeKeyId(keyId)}+${encodeBase64(Buffer.concat([Uint8Array.of(type), publicKey]))}`;
}

/** Encodes the public key alone, as 64 hexadecimal digits: two keys that are one but for their names have the same. */
export function encodePublicKey({ publicKey }: Pick<VerifierKey, 'publicKey'>): string {
  return Buffer.from(publicKey).toString('hex');
}

/**
 * Gives the key of a name, signature type and Ed25519 public key of 32 bytes.
 * @throws TlogError BAD_KEY for a name, type or length that is none
 */
export function createVerifierKey(name: string, type: number, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name) || Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new TlogError(
      'BAD_KEY',
      `"${name.slice(0, 80)}" can't name a key: 1 to ${MAX_NAME_BYTES} bytes without spaces and "+" are expected.`,
    );
  }
  if (type !== ED25519_TYPE && type !== COSIGNATURE_TYPE) {
    throw new TlogError('BAD_KEY', `The key "${name}" is of signature type ${type}; only 1 and 4 are known.`);
  }
  if (publicKey.length !== ED25519_KEY_BYTES) {
    throw new TlogError(
      'BAD_KEY',
      `The key "${name}" has ${publicKey.length} bytes; an Ed25519 public key has ${ED25519_KEY_BYTES}.`,
    );
  }
  return { name, keyId: keyId(name, type, publicKey), type, publicKey };
}

/**
 * Gives the 32 bytes of the public key that belongs to an Ed25519 private key.
 * @throws TlogError BAD_KEY for a key of another kind
 */
export function publicKeyOf(privateKey: KeyObject): Uint8Array {
  if (privateKey.type !== 'private' || privateKey.asymmetricKeyType !== 'ed25519') {
    throw new TlogError(
      'BAD_KEY',
      'A note is signed with an Ed25519 private key; this key is of another kind.',
    );
  }
  return Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url');
}

/** Says whether the 64 bytes are the Ed25519 signature of the message by this public key of 32 bytes (RFC 8032). */
export function isSignedBy(publicKey: Uint8Array, message: string, signature: Uint8Array): boolean {
  const x = Buffer.from(publicKey).toString('base64url');
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
  return verify(null, Buffer.from(message), key, signature);
}

function encodeKeyId(id: number): string {
  return id.toString(16).padStart(8, '0');
}
