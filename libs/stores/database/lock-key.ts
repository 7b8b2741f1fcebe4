import { createHash } from 'node:crypto';

/**
 * The advisory lock of one thing (an origin, a blob, …) for one purpose: the first 63 bits of a SHA-256 over both, the
 * same in every gateway of every version. Two purposes that take locks of the same thing don't meet.
 */
export function lockKeyOf(purpose: string, thing: string): bigint {
  return createHash('sha256').update(`dockchains/v1/${purpose}\n${thing}`).digest().readBigUInt64BE() >> 1n;
}
