import { digestOf, isDigest, type Digest } from '@dockchains/oci';
import canonicalize from 'canonicalize';
import { z } from 'zod';

import { RecordError } from '../errors.ts';
import { hex, recordId, scopeId } from '../fields.ts';
import { BODY_TAG_BYTES } from './body.ts';
import { BUCKETS } from './padding.ts';

/** `_type` of a sealed entry. */
export const SEALED_TYPE = 'https://dockchains.org/sealed/v1';

const MAX_SEALED_ENTRY_BYTES = 1024;

/** The members of a sealed entry, without a record in sight. */
export const sealedSchema = z.strictObject({
  _type: z.literal(SEALED_TYPE),
  v: z.literal(1),
  scopeId,
  recordId,
  /** The commitment. */
  c: hex(32),
  /** SHA-256 of the body, which is kept off the tree. */
  bodyDigest: z.custom<Digest>(
    (value) => typeof value === 'string' && isDigest(value) && value.startsWith('sha256:'),
    'is not a sha256 digest',
  ),
  /** Bytes of the padded record. */
  bucket: z.int().refine((size) => BUCKETS.includes(size), 'is not 1,024·2ʲ up to 65,536'),
});

/** What stands in the ledger of a sealed record (escrow.md, Record). */
export type SealedEntry = Readonly<z.infer<typeof sealedSchema>>;

/** The first bytes of every sealed entry, and of no other: canonical JSON has "_type" before the other members. */
export const SEALED_BEGINNING: Uint8Array = Buffer.from(`{"_type":"${SEALED_TYPE}",`);

/** Whether an entry is a sealed record's rather than a statement, by its first bytes; it may still be malformed. */
export function isSealedEntry(entry: Uint8Array): boolean {
  return Buffer.compare(SEALED_BEGINNING, entry.subarray(0, SEALED_BEGINNING.length)) === 0;
}

/** The entry's bytes: RFC 8785 canonical JSON. */
export function encodeSealedEntry(entry: SealedEntry): Uint8Array {
  return Buffer.from(canonicalize(entry) ?? '', 'utf8');
}

/** Reads a sealed entry; only its canonical bytes pass. @throws RecordError BAD_SEALED_ENTRY, NOT_CANONICAL */
export function parseSealedEntry(entry: Uint8Array): SealedEntry {
  if (entry.length > MAX_SEALED_ENTRY_BYTES || !isSealedEntry(entry)) {
    throw new RecordError('BAD_SEALED_ENTRY', 'The entry is not a sealed record.');
  }
  try {
    const parsed = sealedSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(entry)));
    if (Buffer.from(encodeSealedEntry(parsed)).equals(entry)) return parsed;
  } catch (cause) {
    throw new RecordError('BAD_SEALED_ENTRY', 'The sealed entry is malformed.', { cause });
  }
  throw new RecordError('NOT_CANONICAL', 'The sealed entry is not in RFC 8785 canonical form.');
}

/** Checks that a body is the entry's, without opening it. @throws RecordError BAD_BODY */
export function verifyBody({ bodyDigest, bucket }: SealedEntry, body: Uint8Array): void {
  if (body.length !== bucket + BODY_TAG_BYTES || digestOf(body) !== bodyDigest) {
    throw new RecordError('BAD_BODY', 'The body is not the one that the sealed entry names.');
  }
}
