import { type KeyObject, sign } from 'node:crypto';

import { TlogError } from './errors.ts';
import { COSIGNATURE_TYPE, createVerifierKey, isSignedBy, publicKeyOf, type VerifierKey } from './keys.ts';
import { encodeSignatureLine, parseNote } from './note.ts';

/** Cosigns checkpoints under a name: `sign` gives the signature line, with its newline, over a note's text and a time in POSIX seconds. */
export type Cosigner = {
  name: string;
  verifierKey: VerifierKey;
  sign: (text: string, timestampSeconds: bigint) => string;
};

const TIMESTAMP_BYTES = 8;
const SIGNATURE_BYTES = 64;
const MAX_TIMESTAMP = 2n ** 63n - 1n;

/**
 * Gives a cosigner with an Ed25519 private key, signature type 0x04. The key must serve this name and role alone: what it signs does not hold its name
 * (tlog-cosignature, Ed25519 signed message).
 * @throws TlogError BAD_KEY for a name or key that is none
 */
export function createCosigner({ name, privateKey }: { name: string; privateKey: KeyObject }): Cosigner {
  const verifierKey = createVerifierKey(name, COSIGNATURE_TYPE, publicKeyOf(privateKey));
  return {
    name,
    verifierKey,
    sign: (text, timestampSeconds) => {
      requireTimestamp(timestampSeconds);
      const timestamp = Buffer.alloc(TIMESTAMP_BYTES);
      timestamp.writeBigUInt64BE(timestampSeconds);
      const signature = sign(null, Buffer.from(signedMessage(text, timestampSeconds)), privateKey);
      return encodeSignatureLine(verifierKey, Buffer.concat([timestamp, signature]));
    },
  };
}

/**
 * Gives the cosignature line, with its newline, for a checkpoint's note; whether the note deserves it was decided before (tlog-cosignature, Format).
 * @throws TlogError BAD_NOTE; BAD_TIMESTAMP unless the time is 1 to 2^63 - 1 POSIX seconds
 */
export function cosign(note: string, cosigner: Cosigner, timestampSeconds: bigint): string {
  return cosigner.sign(parseNote(note).text, timestampSeconds);
}

/**
 * Verifies a cosignature, 72 bytes, over a note's text and gives its time in POSIX seconds. A time of 0, which no witness may give
 * (tlog-witness, add-checkpoint), is refused; whether another one is plausible the caller says.
 * @throws TlogError BAD_SIGNATURE; BAD_TIMESTAMP; BAD_KEY if the key is not of type 0x04
 */
export function verifyCosignature(text: string, signature: Uint8Array, key: VerifierKey): bigint {
  if (key.type !== COSIGNATURE_TYPE) {
    throw new TlogError('BAD_KEY', `The key "${key.name}" is not one for cosignatures.`);
  }
  if (signature.length !== TIMESTAMP_BYTES + SIGNATURE_BYTES) throw badSignature(key);
  const timestamp = Buffer.from(signature.subarray(0, TIMESTAMP_BYTES)).readBigUInt64BE();
  requireTimestamp(timestamp);
  const message = signedMessage(text, timestamp);
  if (isSignedBy(key.publicKey, message, signature.subarray(TIMESTAMP_BYTES))) return timestamp;
  throw badSignature(key);
}

function signedMessage(text: string, timestamp: bigint): string {
  return `cosignature/v1\ntime ${timestamp.toString()}\n${text}`;
}

function requireTimestamp(timestamp: bigint): void {
  if (timestamp > 0n && timestamp <= MAX_TIMESTAMP) return;
  throw new TlogError('BAD_TIMESTAMP', `The time of a cosignature can't be ${timestamp.toString()} seconds.`);
}

function badSignature({ name }: VerifierKey): TlogError {
  return new TlogError('BAD_SIGNATURE', `The cosignature of "${name}" does not verify.`);
}
