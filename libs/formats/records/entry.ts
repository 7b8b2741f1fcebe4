import { isDeepStrictEqual } from 'node:util';

import { MAX_ENTRY_BYTES } from '@dockchains/tlog';
import canonicalize from 'canonicalize';
import { z } from 'zod';

import { RecordError } from './errors.ts';
import {
  findKind,
  parsePredicate,
  predicateType,
  STATEMENT_TYPE,
  type LedgerRecord,
  type RecordKind,
} from './record.ts';
import { readSubject, type Subject, subjectOf } from './subject.ts';

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const statement = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.strictObject({ name: z.string(), digest: z.record(z.string(), z.string()) })]),
  predicateType: z.string(),
  predicate: z.record(z.string(), z.unknown()),
});

/**
 * The entry of a record: its in-toto statement in RFC 8785 canonical JSON, UTF-8, at most 65,535 bytes.
 * @throws RecordError TOO_LARGE, BAD_RECORD
 */
export function encodeRecord(record: LedgerRecord): Uint8Array {
  const { kind } = record;
  return encodeStatement(kind, subjectOf(record), parsePredicate(kind, predicateOf(record)));
}

function encodeStatement(kind: RecordKind, subject: Subject, predicate: object): Uint8Array {
  const type = predicateType(kind);
  const text = canonicalize({ _type: STATEMENT_TYPE, subject: [subject], predicateType: type, predicate });
  if (text === undefined) throw new RecordError('BAD_RECORD', 'The record has no canonical JSON form.');
  const entry = ENCODER.encode(text);
  if (entry.length > MAX_ENTRY_BYTES) {
    throw new RecordError(
      'TOO_LARGE',
      `The record takes ${entry.length} bytes; an entry holds ${MAX_ENTRY_BYTES}.`,
    );
  }
  return entry;
}

/**
 * Reads an entry back. Only the canonical bytes of a known kind pass, so that one record has one leaf hash.
 * @throws RecordError BAD_RECORD, NOT_CANONICAL, UNKNOWN_KIND
 */
export function parseRecord(entry: Uint8Array): LedgerRecord {
  const value = parseJson(entry);
  const parsed = statement.safeParse(value);
  if (!parsed.success) {
    throw new RecordError(
      'BAD_RECORD',
      `The entry is not an in-toto statement: ${z.prettifyError(parsed.error)}`,
    );
  }
  const { subject, predicate } = parsed.data;
  const kind = findKind(parsed.data.predicateType);
  if (kind === undefined) {
    throw new RecordError(
      'UNKNOWN_KIND',
      `The entry is of a kind that this version does not know: ${parsed.data.predicateType.slice(0, 200)}. Use a newer version.`,
    );
  }
  try {
    const facts = parsePredicate(kind, predicate);
    // Kind, subject and facts come from one row of the table of predicates.
    const record = { kind, ...readSubject(kind, subject[0]), ...facts } as LedgerRecord;
    const told = subjectOf(record);
    if (told.name !== subject[0].name || !isDeepStrictEqual(told.digest, subject[0].digest)) {
      throw new RecordError('BAD_RECORD', 'The subject is not what the predicate is about.');
    }
    if (Buffer.compare(encodeStatement(kind, told, facts), entry) !== 0) {
      throw new RecordError('NOT_CANONICAL', 'The entry is not in RFC 8785 canonical form.');
    }
    return record;
  } catch (cause) {
    if (cause instanceof RecordError) throw cause;
    throw new RecordError('BAD_RECORD', `The entry is not a ${kind} record: ${messageOf(cause)}`, { cause });
  }
}

const parseJson = (entry: Uint8Array): unknown => {
  if (entry.length > MAX_ENTRY_BYTES) {
    throw new RecordError(
      'TOO_LARGE',
      `The entry takes ${entry.length} bytes; at most ${MAX_ENTRY_BYTES} are read.`,
    );
  }
  try {
    return JSON.parse(DECODER.decode(entry));
  } catch (cause) {
    throw new RecordError('BAD_RECORD', 'The entry is not JSON in UTF-8.', { cause });
  }
};

// Said by the predicate type and the subject.
const OUTSIDE_PREDICATE: readonly string[] = ['kind', 'organisation', 'digest', 'label'];

const predicateOf = (record: LedgerRecord): unknown =>
  Object.fromEntries(Object.entries(record).filter(([member]) => !OUTSIDE_PREDICATE.includes(member)));

const messageOf = (cause: unknown): string => {
  if (cause instanceof z.ZodError) return z.prettifyError(cause);
  return cause instanceof Error ? cause.message : String(cause);
};
