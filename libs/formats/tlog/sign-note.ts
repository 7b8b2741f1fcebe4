import { type KeyObject, sign } from 'node:crypto';

import { createVerifierKey, ED25519_TYPE, publicKeyOf, type VerifierKey } from './keys.ts';
import { encodeSignatureLine } from './note.ts';

/**
 * Signs notes under a name: `sign` gives the signature line, with its newline, over a note's text; while a key is being replaced a
 * line by each, of which one is by `verifierKey`.
 */
export type NoteSigner = { name: string; verifierKey: VerifierKey; sign: (text: string) => string };

/**
 * Gives a signer with an Ed25519 private key, signature type 0x01 (signed-note, Ed25519 signatures).
 * @throws TlogError BAD_KEY for a name or key that is none
 */
export function createNoteSigner({ name, privateKey }: { name: string; privateKey: KeyObject }): NoteSigner {
  const verifierKey = createVerifierKey(name, ED25519_TYPE, publicKeyOf(privateKey));
  return {
    name,
    verifierKey,
    sign: (text) => encodeSignatureLine(verifierKey, sign(null, Buffer.from(text), privateKey)),
  };
}
