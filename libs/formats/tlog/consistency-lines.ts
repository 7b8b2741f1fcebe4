import { decodeBase64, decodeText, encodeBase64 } from './encoding.ts';
import { TlogError } from './errors.ts';
import { HASH_BYTES, requireHash } from './hash.ts';
import { MAX_PROOF_HASHES } from './verify-proof.ts';

type Head = { readonly size: bigint; readonly root: Uint8Array };

// 32 bytes are 44 characters of base64, and a newline.
const LINE_BYTES = 45;

/** Longest consistency proof in bytes of text. */
export const MAX_CONSISTENCY_BYTES = MAX_PROOF_HASHES * LINE_BYTES;

/** Path below a log's URL of the proof between two of its heads, roots in hexadecimal: whoever knows both roots has both heads. */
export function consistencyPath(older: Head, newer: Head): string {
  const part = ({ size, root }: Head): string => `${size}-${Buffer.from(root).toString('hex')}`;
  return `consistency/${part(older)}/${part(newer)}`;
}

/** Encodes a consistency proof (RFC 6962 §2.1.2) as text, each hash in padded base64 on a line of its own. @throws TlogError BAD_HASH */
export function encodeConsistency(proof: readonly Uint8Array[]): string {
  proof.forEach(requireHash);
  return proof.map((hash) => `${encodeBase64(hash)}\n`).join('');
}

/** Reads such a text; nothing is verified. @throws TlogError BAD_PROOF, BAD_HASH */
export function parseConsistency(source: Uint8Array): Uint8Array[] {
  const lines = decodeText(source, MAX_CONSISTENCY_BYTES)?.split('\n');
  if (lines?.pop() !== '') {
    throw new TlogError('BAD_PROOF', `A proof is at most ${MAX_PROOF_HASHES} lines, each with its newline.`);
  }
  return lines.map((line) => {
    const hash = decodeBase64(line);
    if (hash?.length === HASH_BYTES) return hash;
    throw new TlogError('BAD_HASH', `Each line must be ${HASH_BYTES} bytes in padded base64.`);
  });
}
