import { digestOf } from '@dockchains/oci';
import canonicalize from 'canonicalize';
import { z } from 'zod';

import { RecordError } from '../errors.ts';
import { hex } from '../fields.ts';
import type { LedgerRecord } from '../record.ts';
import { encryptBody } from './body.ts';
import { commit, recordContext } from './derive.ts';
import { MAX_SEALED_BYTES } from './padding.ts';
import { parseOpenedRecord, type OpenedRecord } from './seal.ts';
import { encodeSealedEntry, parseSealedEntry, sealedSchema } from './sealed-entry.ts';

/** `_type` of a disclosure. */
const DISCLOSURE_TYPE = 'https://dockchains.org/disclosure/v1';

/** What a verified disclosure shows, in the words of escrow.md: the body itself was not there to be opened. */
export const DISCLOSURE_VERDICT = 'committed, and disclosed by the owner; the escrowed copy was not shown';

/** Longest disclosure in bytes: the longest record in base64, and the rest. */
const MAX_DISCLOSURE_BYTES = 4 * Math.ceil(MAX_SEALED_BYTES / 3) + 2048;

const schema = z.strictObject({
  _type: z.literal(DISCLOSURE_TYPE),
  entry: sealedSchema,
  label: hex(32),
  salt: hex(32),
  key: hex(32),
  /** The record's bytes in base64. */
  m: z.base64(),
});

/** One record that its owner shows, with the entry that it is committed to. Opens no other record of its scope. */
export type Disclosure = OpenedRecord & {
  /** The sealed entry, as it stands in the ledger. */
  readonly entry: Uint8Array;
  /** Of the record's scope, 32 bytes. */
  readonly label: Uint8Array;
};

const BEGINNING = Buffer.from(`{"_type":"${DISCLOSURE_TYPE}",`);

/** Whether the bytes are a disclosure, by their beginning; it may still be malformed. */
export function isDisclosure(bytes: Uint8Array): boolean {
  return BEGINNING.equals(bytes.subarray(0, BEGINNING.length));
}

/** A disclosure in RFC 8785 canonical JSON. @throws RecordError BAD_SEALED_ENTRY, NOT_CANONICAL */
export function encodeDisclosure({ entry, label, salt, key, m }: Disclosure): Uint8Array {
  const text = canonicalize({
    _type: DISCLOSURE_TYPE,
    entry: parseSealedEntry(entry),
    label: toHex(label),
    salt: toHex(salt),
    key: toHex(key),
    m: Buffer.from(m).toString('base64'),
  });
  return Buffer.from(text ?? '', 'utf8');
}

/** A disclosure that was verified, and the record in it. */
export type VerifiedDisclosure = { readonly record: LedgerRecord; readonly entry: Uint8Array };

/**
 * Checks that the disclosed record is the one that its entry is committed to, and that the body which the entry names is that record
 * under the disclosed key. That the entry is in a ledger is for the caller to check, by the leaf hash of `entry`.
 * @throws RecordError BAD_DISCLOSURE, NOT_CANONICAL, BAD_COMMITMENT, BAD_BODY, TOO_LARGE, and as parseRecord
 */
export function verifyDisclosure(bytes: Uint8Array): VerifiedDisclosure {
  const { sealed, label, salt, key, m } = parseDisclosure(bytes);
  const rec = recordContext(label, sealed.recordId);
  const c = Buffer.from(sealed.c, 'hex');
  if (!commit(rec, salt, m).equals(c)) {
    throw new RecordError(
      'BAD_COMMITMENT',
      'The disclosed record is not the one that the entry is committed to.',
    );
  }
  const body = encryptBody({ key, rec, c }, m);
  if (digestOf(body) !== sealed.bodyDigest) {
    throw new RecordError(
      'BAD_BODY',
      'The body that the entry names is not the disclosed record under the disclosed key.',
    );
  }
  return { record: parseOpenedRecord(m, sealed.recordId), entry: encodeSealedEntry(sealed) };
}

function parseDisclosure(bytes: Uint8Array) {
  if (bytes.length > MAX_DISCLOSURE_BYTES) {
    throw new RecordError('TOO_LARGE', `A disclosure has at most ${MAX_DISCLOSURE_BYTES} bytes.`);
  }
  let parsed: z.infer<typeof schema>;
  try {
    parsed = schema.parse(
      JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)),
    );
  } catch (cause) {
    throw new RecordError('BAD_DISCLOSURE', 'The disclosure is malformed.', { cause });
  }
  if (!Buffer.from(canonicalize(parsed) ?? '', 'utf8').equals(bytes)) {
    throw new RecordError('NOT_CANONICAL', 'The disclosure is not in RFC 8785 canonical form.');
  }
  const m = Buffer.from(parsed.m, 'base64');
  if (m.toString('base64') !== parsed.m) {
    throw new RecordError('BAD_DISCLOSURE', 'The disclosed record is not in padded base64.');
  }
  const { entry: sealed, label, salt, key } = parsed;
  return { sealed, label: fromHex(label), salt: fromHex(salt), key: fromHex(key), m };
}

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromHex = (text: string): Buffer => Buffer.from(text, 'hex');
