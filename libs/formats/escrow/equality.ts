import { EscrowError } from './errors.ts';
import {
  encodeScalar,
  hashToScalar,
  hedgedNonce,
  parseScalar,
  type Point,
  type RandomBytes,
  refuseIdentity,
  respond,
} from './group.ts';

/** That two points have one logarithm, each to its own base (Chaum and Pedersen 1992). */
export type Equality = {
  readonly bases: readonly [Point, Point];
  readonly points: readonly [Point, Point];
  /** What the challenge hashes before the two commitments; it has to hold bases, points and a domain. */
  readonly transcript: Uint8Array;
};

/** Bytes of a proof, `e ‖ z`. */
export const PROOF_BYTES = 64;

/** Proves the equality by its logarithm, 32 bytes: challenge and response, 64 bytes. */
export function proveEquality(
  { bases, transcript }: Equality,
  secret: Uint8Array,
  random: RandomBytes,
): Uint8Array {
  const k = hedgedNonce(secret, transcript, random);
  const [a, b] = [bases[0].multiply(k), bases[1].multiply(k)];
  const e = hashToScalar(transcript, a.toBytes(), b.toBytes());
  const z = respond(k, e, parseScalar(secret));
  return Buffer.concat([encodeScalar(e), encodeScalar(z)]);
}

/** Checks a proof of 64 bytes. @throws EscrowError BAD_PROOF, BAD_SCALAR; BAD_POINT if a commitment is the identity */
export function verifyEquality({ bases, points, transcript }: Equality, proof: Uint8Array): void {
  if (proof.length !== PROOF_BYTES) {
    throw new EscrowError('BAD_PROOF', `A proof of equality has ${PROOF_BYTES} bytes.`);
  }
  const e = parseScalar(proof.subarray(0, 32));
  const z = parseScalar(proof.subarray(32));
  const commitment = (base: Point, point: Point): Uint8Array =>
    refuseIdentity(base.multiplyUnsafe(z).subtract(point.multiplyUnsafe(e))).toBytes();
  const a = commitment(bases[0], points[0]);
  const b = commitment(bases[1], points[1]);
  if (hashToScalar(transcript, a, b) !== e) {
    throw new EscrowError(
      'BAD_PROOF',
      'The proof of equal logarithms does not hold for these points and this label.',
    );
  }
}
