import { lp } from './encoding.ts';
import { type Equality, PROOF_BYTES, verifyEquality } from './equality.ts';
import { EscrowError } from './errors.ts';
import { G, parsePoint, parseScalar, POINT_BYTES } from './group.ts';

/** Bytes of an opening, `D ‖ DLEQ(G, R; Y, D)`. */
export const OPENING_BYTES = POINT_BYTES + PROOF_BYTES;

/** The scope that an opening is of: its label, R, and the key Y that it is encapsulated to, 32 bytes each. */
export type OpeningOf = {
  readonly label: Uint8Array;
  readonly R: Uint8Array;
  readonly publicKey: Uint8Array;
};

/**
 * Checks an opening of 96 bytes and gives its D, 32 bytes, which opens every record of the scope.
 * @throws EscrowError BAD_OPENING, BAD_POINT, BAD_SCALAR, BAD_PROOF
 */
export function verifyOpening(scope: OpeningOf, opening: Uint8Array): Uint8Array {
  if (opening.length !== OPENING_BYTES) {
    throw new EscrowError('BAD_OPENING', `An opening has ${OPENING_BYTES} bytes.`);
  }
  const D = Uint8Array.from(opening.subarray(0, POINT_BYTES));
  verifyEquality(openingEquality(scope, D), opening.subarray(POINT_BYTES));
  return D;
}

/** D = sR, 32 bytes, by the secret key of the point that R was encapsulated to. @throws EscrowError BAD_KEY, BAD_POINT, BAD_SCALAR */
export function openWithKey(sealingKey: Uint8Array, R: Uint8Array): Uint8Array {
  const s = parseScalar(sealingKey);
  if (s === 0n) throw new EscrowError('BAD_KEY', 'A sealing key is not zero.');
  return parsePoint(R).multiply(s).toBytes();
}

/** The equality behind an opening; the order of points is that of a released partial (escrow.md, Release). */
export function openingEquality({ label, R, publicKey }: OpeningOf, D: Uint8Array): Equality {
  return {
    bases: [G, parsePoint(publicKey)],
    points: [parsePoint(R), parsePoint(D)],
    transcript: Buffer.concat([lp('dockchains/v1/opening'), lp(label), G.toBytes(), R, publicKey, D]),
  };
}
