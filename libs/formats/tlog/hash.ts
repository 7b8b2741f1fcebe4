import { hash } from 'node:crypto';

import { TlogError } from './errors.ts';

/** Length of every hash in a log, SHA-256, in bytes. */
export const HASH_BYTES = 32;

/** Length limit of an entry in bytes: what a bundle's 16-bit length can say (tlog-tiles, Log entries). */
export const MAX_ENTRY_BYTES = 65_535;

/** Root of the tree without entries: SHA-256 of nothing, 32 bytes (RFC 6962 §2.1). */
export const EMPTY_ROOT: Uint8Array = hash('sha256', '', 'buffer');

// One buffer for every call: hashing is synchronous and the result is a copy.
const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES);
nodeInput[0] = 1;

/**
 * Hashes an entry into its leaf hash, 32 bytes: SHA-256(0x00 ‖ entry) (RFC 6962 §2.1).
 * @throws TlogError ENTRY_TOO_LARGE over {@link MAX_ENTRY_BYTES}
 */
export function hashLeaf(entry: Uint8Array): Uint8Array {
  requireEntrySize(entry);
  const input = Buffer.allocUnsafe(1 + entry.length);
  input[0] = 0;
  input.set(entry, 1);
  return hash('sha256', input, 'buffer');
}

/**
 * Hashes two subtrees into their parent, 32 bytes: SHA-256(0x01 ‖ left ‖ right) (RFC 6962 §2.1).
 * @throws TlogError BAD_HASH if either has not 32 bytes
 */
export function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  requireHash(left);
  requireHash(right);
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return hash('sha256', nodeInput, 'buffer');
}

/** @throws TlogError BAD_HASH unless the hash has 32 bytes */
export function requireHash(bytes: Uint8Array): void {
  if (bytes.length === HASH_BYTES) return;
  throw new TlogError(
    'BAD_HASH',
    `A hash of this log has ${HASH_BYTES} bytes; this one has ${bytes.length}.`,
  );
}

/** @throws TlogError ENTRY_TOO_LARGE over {@link MAX_ENTRY_BYTES} */
export function requireEntrySize(entry: Uint8Array): void {
  if (entry.length <= MAX_ENTRY_BYTES) return;
  throw new TlogError(
    'ENTRY_TOO_LARGE',
    `An entry has at most ${MAX_ENTRY_BYTES} bytes; this one has ${entry.length}.`,
  );
}
