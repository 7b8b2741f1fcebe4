import { createHash } from 'node:crypto';

import { ristretto255, ristretto255_hasher } from '@noble/curves/ed25519.js';

import { lp } from './encoding.ts';
import { EscrowError } from './errors.ts';

/** Gives that many random bytes; `randomBytes` of node:crypto, or a fixed sequence where vectors are made. */
export type RandomBytes = (length: number) => Uint8Array;

/** A point of ristretto255 (RFC 9496) that is not the identity. */
export type Point = ReturnType<typeof ristretto255.Point.fromBytes>;

/** Bytes of an encoded point, and of an encoded scalar. */
export const POINT_BYTES = 32;

const SCALARS = ristretto255.Point.Fn;

/** The generator G (RFC 9496 §4). */
export const G: Point = ristretto255.Point.BASE;

/** The second generator Ḡ, whose logarithm nobody knows: hash_to_ristretto255 of "" (RFC 9380 appendix B). */
export const GBAR: Point = ristretto255_hasher.hashToCurve(new Uint8Array(0), {
  DST: 'dockchains/v1/tdh2-gbar',
});

/** Reads the 32 canonical bytes of a point other than the identity (RFC 9496 §4.3.1). @throws EscrowError BAD_POINT */
export function parsePoint(bytes: Uint8Array): Point {
  try {
    return refuseIdentity(ristretto255.Point.fromBytes(bytes));
  } catch (cause) {
    if (cause instanceof EscrowError) throw cause;
    throw new EscrowError('BAD_POINT', 'A point is not 32 canonical bytes of ristretto255.', { cause });
  }
}

/** Passes a point on. @throws EscrowError BAD_POINT if it is the identity */
export function refuseIdentity(point: Point): Point {
  if (point.is0()) throw new EscrowError('BAD_POINT', 'The identity is no valid point here.');
  return point;
}

/** Reads 32 bytes, little-endian, below the group's order. @throws EscrowError BAD_SCALAR */
export function parseScalar(bytes: Uint8Array): bigint {
  try {
    return SCALARS.fromBytes(bytes);
  } catch {
    throw new EscrowError('BAD_SCALAR', 'A scalar is not 32 bytes, little-endian, below the group order.');
  }
}

/** The 32 bytes of a scalar, little-endian. */
export function encodeScalar(scalar: bigint): Uint8Array {
  return SCALARS.toBytes(scalar);
}

/** `z = k + e·x` in the scalars' field, of which nothing about `x` leaks while `k` is unknown. */
export function respond(k: bigint, e: bigint, x: bigint): bigint {
  return SCALARS.add(k, SCALARS.mul(e, x));
}

/** SHA-512 of the parts, little-endian, modulo the group's order. */
export function hashToScalar(...parts: readonly Uint8Array[]): bigint {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return reduce(hash.digest());
}

/** A uniform scalar other than zero, as its 32 bytes: they can be erased, a bigint can't. */
export function randomScalar(random: RandomBytes): Uint8Array {
  for (;;) {
    const wide = random(64);
    const scalar = reduce(wide);
    wide.fill(0);
    if (scalar !== 0n) return encodeScalar(scalar);
  }
}

/**
 * A nonce that is unpredictable if either `random` or the secret is, and never the same for two statements (RFC 9591 §4.1
 * hedges alike): a failing generator of random numbers would otherwise give the secret away.
 */
export function hedgedNonce(secret: Uint8Array, transcript: Uint8Array, random: RandomBytes): bigint {
  for (;;) {
    const nonce = hashToScalar(lp('dockchains/v1/nonce'), lp(secret), lp(random(32)), transcript);
    if (nonce !== 0n) return nonce;
  }
}

// 64 bytes leave a bias below 2^-252.
function reduce(wide: Uint8Array): bigint {
  return SCALARS.create(BigInt(`0x${Buffer.from(wide).reverse().toString('hex')}`));
}
