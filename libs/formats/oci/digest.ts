import { createHash } from 'node:crypto';

import { OciError } from './errors.ts';

declare const digestBrand: unique symbol;

/** A content digest, `algorithm:hex` in lowercase, of a registered algorithm and its full length (image-spec, Digests). */
export type Digest = string & { readonly [digestBrand]: true };

/** The registered digest algorithms, both of which a gateway stores and serves. */
export type DigestAlgorithm = 'sha256' | 'sha512';

const PATTERN = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

const ALGORITHMS: readonly string[] = ['sha256', 'sha512'] satisfies DigestAlgorithm[];

/** Says whether the text is a digest that {@link parseDigest} takes. */
export function isDigest(text: string): text is Digest {
  return PATTERN.test(text);
}

/** Says whether the text names a registered digest algorithm. */
export function isDigestAlgorithm(text: string): text is DigestAlgorithm {
  return ALGORITHMS.includes(text);
}

/**
 * Reads a digest.
 * @throws OciError DIGEST_INVALID for another algorithm, uppercase, or a wrong length
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new OciError(
    'DIGEST_INVALID',
    'The digest must be sha256: with 64 or sha512: with 128 lowercase hexadecimal digits.',
    { detail: { digest: text.slice(0, 160) } },
  );
}

/** Gives the algorithm of a digest. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512';
}

/** Gives the hexadecimal part of a digest: 64 or 128 lowercase digits. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Computes the digest of the bytes. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`);
}
