import { createHash } from 'node:crypto';

import { lp } from './encoding.ts';
import { EscrowError } from './errors.ts';
import { G, parsePoint, parseScalar, POINT_BYTES, type RandomBytes, randomScalar } from './group.ts';

/** Bytes of a sealing key: a scalar of ristretto255, little-endian, not zero. */
const SEALING_KEY_BYTES = 32;

/** Makes an organisation's sealing key, 32 bytes. */
export function generateSealingKey(random: RandomBytes): Uint8Array {
  return randomScalar(random);
}

/** Checks the 32 bytes of a sealing key and passes them on. @throws EscrowError BAD_KEY */
export function parseSealingKey(bytes: Uint8Array): Uint8Array {
  try {
    if (parseScalar(bytes) !== 0n) return bytes;
  } catch {
    // Said in one sentence below: what is wrong with a secret is nobody's business.
  }
  throw new EscrowError(
    'BAD_KEY',
    `The sealing key is not ${SEALING_KEY_BYTES} bytes of a scalar. Put the key back from its backup.`,
  );
}

/** Y = sG of a sealing key, 32 bytes. @throws EscrowError BAD_KEY */
export function sealingPublicKey(sealingKey: Uint8Array): Uint8Array {
  return G.multiply(parseScalar(parseSealingKey(sealingKey))).toBytes();
}

/** Stands for a panel's id where a scope is encapsulated to an organisation's own key, 32 bytes. @throws EscrowError BAD_POINT */
export function sealingPanelId(publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== POINT_BYTES) throw new EscrowError('BAD_POINT', 'A point has 32 bytes.');
  parsePoint(publicKey);
  return createHash('sha256').update(lp('dockchains/v1/sealing-key')).update(lp(publicKey)).digest();
}
