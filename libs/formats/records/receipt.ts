import { type KeyObject, sign } from 'node:crypto';

import { isDigest, type Digest } from '@dockchains/oci';
import { compactVerify } from 'jose';
import { z } from 'zod';

import { RecordError } from './errors.ts';
import { hex, recordId, scopeId, type RecordId } from './fields.ts';

const receipt = z.strictObject({
  origin: z.string().min(1).max(255),
  recordId,
  /** RFC 6962 leaf hash of the entry, 64 lowercase hex digits. */
  leafHash: hex(32),
  repository: z.string().min(1).max(255),
  digest: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value)),
  /** POSIX seconds: a checkpoint of this time or later that lacks the leaf proves the omission. */
  includedBy: z.int().positive(),
  /** The scope of a sealed record, and the repository's salt in it, 32 bytes in hex: they show which repository the scope is of. */
  scopeId: scopeId.optional(),
  repoSalt: hex(32).optional(),
});

/** The gateway's signed promise that a record will be in the ledger (escrow.md, Receipts). */
export type Receipt = Readonly<z.infer<typeof receipt>> & { readonly recordId: RecordId };

// Domain separation from the tokens, which are EdDSA JWTs of another key and type (RFC 8725 §3.11).
const TYPE = 'dockchains-receipt+jws';
const MAX_RECEIPT_CHARACTERS = 4096;

// By jose, as receipts are verified, each would be a job of the thread pool and take four times the processor time (0.13 ms).
const HEADER = encodeBase64url(JSON.stringify({ alg: 'EdDSA', typ: TYPE }));

/** The receipt as a compact JWS (RFC 7515), Ed25519. @throws ZodError */
export function signReceipt(value: Receipt, key: KeyObject): string {
  const signed = `${HEADER}.${encodeBase64url(JSON.stringify(receipt.parse(value)))}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}

/** Checks a receipt's signature and form. @throws RecordError BAD_RECEIPT */
export async function verifyReceipt(text: string, key: KeyObject): Promise<Receipt> {
  if (text.length > MAX_RECEIPT_CHARACTERS) throw new RecordError('BAD_RECEIPT', 'The receipt is too long.');
  try {
    const { payload, protectedHeader } = await compactVerify(text, key, { algorithms: ['EdDSA'] });
    if (protectedHeader.typ !== TYPE)
      throw new RecordError('BAD_RECEIPT', 'The signed text is not a receipt.');
    return receipt.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch (cause) {
    if (cause instanceof RecordError) throw cause;
    throw new RecordError('BAD_RECEIPT', 'The receipt is malformed or not signed by this key.', { cause });
  }
}

function encodeBase64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
