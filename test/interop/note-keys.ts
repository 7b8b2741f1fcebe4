import { createPrivateKey, hash, type KeyObject } from 'node:crypto';

import {
  COSIGNATURE_TYPE,
  createVerifierKey,
  ED25519_TYPE,
  encodeVerifierKey,
  keyId,
} from '@dockchains/tlog';

/** An Ed25519 key in the two forms that Go's programs take. */
export interface NoteKey {
  readonly name: string;
  /** `PRIVATE+KEY+name+id+base64(type ‖ seed)`, as golang.org/x/mod/sumdb/note reads it. */
  readonly signerKey: string;
  /** Of signatures (type 0x01), and of cosignatures (0x04). */
  readonly verifierKey: string;
  readonly cosignerKey: string;
}

// PKCS #8 of an Ed25519 private key up to its 32 bytes (RFC 8410 §7).
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Gives the key of a name whose 32 secret bytes are SHA-256 of a text: a test's key, the same each time. */
export function noteKeyOf(name: string, text = name): NoteKey {
  const seed = hash('sha256', text, 'buffer');
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  const publicKey = publicKeyOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  const id = keyId(name, ED25519_TYPE, publicKey).toString(16).padStart(8, '0');
  const secret = Buffer.concat([Uint8Array.of(ED25519_TYPE), seed]).toString('base64');
  return {
    name,
    signerKey: `PRIVATE+KEY+${name}+${id}+${secret}`,
    verifierKey: encodeVerifierKey(createVerifierKey(name, ED25519_TYPE, publicKey)),
    cosignerKey: encodeVerifierKey(createVerifierKey(name, COSIGNATURE_TYPE, publicKey)),
  };
}

function publicKeyOf(privateKey: KeyObject): Uint8Array {
  return Buffer.from(privateKey.export({ format: 'jwk' }).x ?? '', 'base64url');
}
