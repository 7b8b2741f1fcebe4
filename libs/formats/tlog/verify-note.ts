import { verifyCosignature } from './cosignature.ts';
import { TlogError } from './errors.ts';
import { COSIGNATURE_TYPE, isSignedBy, type VerifierKey } from './keys.ts';
import type { Note, NoteSignature } from './note.ts';

/** A signature that verified; `timestamp`, POSIX seconds, is a cosignature's and its signer's word alone. */
export type VerifiedSignature = { key: VerifierKey; timestamp?: bigint };

/**
 * Verifies a note's signatures by the given keys and gives them in their order there; others are ignored (signed-note, Signatures).
 * @throws TlogError BAD_SIGNATURE or BAD_TIMESTAMP if one by a given key does not verify, whatever others do; UNKNOWN_SIGNER if none is by a given key;
 * BAD_KEY if two different given keys have one name and id
 */
export function verifyNote(note: Note, keys: readonly VerifierKey[]): VerifiedSignature[] {
  const known = indexKeys(keys);
  const verified = note.signatures.flatMap((signature) => {
    const key = known.get(nameAndId(signature));
    return key === undefined ? [] : [verifySignature(note.text, signature, key)];
  });
  if (verified.length > 0) return verified;
  throw new TlogError('UNKNOWN_SIGNER', 'The note has no signature by a key that is trusted here.');
}

function verifySignature(text: string, { signature }: NoteSignature, key: VerifierKey): VerifiedSignature {
  if (key.type === COSIGNATURE_TYPE) return { key, timestamp: verifyCosignature(text, signature, key) };
  if (isSignedBy(key.publicKey, text, signature)) return { key };
  throw new TlogError('BAD_SIGNATURE', `The signature of "${key.name}" does not verify.`);
}

function indexKeys(keys: readonly VerifierKey[]): Map<string, VerifierKey> {
  const known = new Map<string, VerifierKey>();
  for (const key of keys) {
    const other = known.get(nameAndId(key));
    if (other !== undefined && Buffer.compare(other.publicKey, key.publicKey) !== 0) {
      throw new TlogError('BAD_KEY', `Two different keys named "${key.name}" have the same id.`);
    }
    known.set(nameAndId(key), key);
  }
  return known;
}

function nameAndId({ name, keyId }: { name: string; keyId: number }): string {
  return `${name}+${keyId}`;
}
