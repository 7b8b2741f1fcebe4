import { EscrowError } from './errors.ts';

/** `u32be(len x) ‖ x`, texts as UTF-8: escrow.md's lp, which keeps any two lists of fields apart. */
export function lp(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Eight bytes, big-endian, of POSIX seconds from 0 to 2^53 - 1. @throws EscrowError BAD_SCOPE */
export function u64(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new EscrowError('BAD_SCOPE', 'A time is a whole number of seconds since 1970.');
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** The 16 bytes of a scope or record id, which is written as 32 lowercase hex digits. @throws EscrowError BAD_SCOPE */
export function idBytes(id: string): Uint8Array {
  if (!/^[0-9a-f]{32}$/.test(id)) {
    throw new EscrowError('BAD_SCOPE', 'An id is 16 bytes in lowercase hexadecimal.');
  }
  return Buffer.from(id, 'hex');
}
