import { createHash, createHmac } from 'node:crypto';

import { lp } from '@dockchains/escrow';

import type { RecordId } from '../fields.ts';

/** What opens every record of a scope. */
export type ScopeKey = {
  /** 16 bytes in lowercase hex. */
  readonly scopeId: string;
  /** 32 bytes each. */
  readonly label: Uint8Array;
  readonly R: Uint8Array;
  readonly D: Uint8Array;
};

/** The record that a key, salt or commitment is of, as escrow.md's `rec` has it. */
export function recordContext(label: Uint8Array, recordId: RecordId): Buffer {
  return Buffer.concat([lp('dockchains/v1/record'), lp(label), lp(Buffer.from(recordId, 'hex'))]);
}

/** HKDF-Extract (RFC 5869 §2.2) of the scope's secret. */
export function extract({ label, R, D }: ScopeKey): Buffer {
  return createHmac('sha256', label).update(R).update(D).digest();
}

/** The salt of a record's commitment, 32 bytes. */
export function deriveSalt(prk: Uint8Array, rec: Uint8Array): Buffer {
  return expand(prk, lp('dockchains/v1/salt'), rec);
}

/** The record's key, 32 bytes; it depends on the commitment, so that no two contents share key and nonce. */
export function deriveKey(prk: Uint8Array, rec: Uint8Array, c: Uint8Array): Buffer {
  return expand(prk, lp('dockchains/v1/key'), rec, c);
}

/** The commitment to a record, 32 bytes. */
export function commit(rec: Uint8Array, salt: Uint8Array, m: Uint8Array): Buffer {
  return createHash('sha256')
    .update(lp('dockchains/v1/commit'))
    .update(rec)
    .update(lp(salt))
    .update(lp(m))
    .digest();
}

/** HKDF-Expand (RFC 5869 §2.3) to 32 bytes, which is its first block. */
function expand(prk: Uint8Array, ...info: readonly Uint8Array[]): Buffer {
  const hmac = createHmac('sha256', prk);
  for (const part of info) hmac.update(part);
  return hmac.update(Uint8Array.of(1)).digest();
}
