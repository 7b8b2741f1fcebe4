import { createPrivateKey, type KeyObject } from 'node:crypto';

// PKCS #8 of an Ed25519 private key up to its 32 bytes (RFC 8410 §7).
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Gives the Ed25519 private key whose 32 bytes are all the same. */
export function privateKeyOf(byte: number): KeyObject {
  return createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, Buffer.alloc(32, byte)]),
    format: 'der',
    type: 'pkcs8',
  });
}
