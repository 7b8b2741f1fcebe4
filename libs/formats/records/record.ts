import { isDigest, type Digest } from '@dockchains/oci';
import { z } from 'zod';

import { hex, recordId, scopeId, shortText, type RecordId } from './fields.ts';

/** in-toto Attestation Framework, Statement v1. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

const PREDICATE_PREFIX = 'https://dockchains.org/record/';

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'is not a digest');
const decimal = z.string().regex(/^(?:0|[1-9][0-9]{0,18})$/);

const event = { recordId, time: z.iso.datetime({ precision: 3 }) };

// `principal` is an account's opaque id; names stay outside the ledger, where they can be erased. `time` is the
// gateway's claim; order comes from the index alone.
const base = {
  ...event,
  repository: z.string().min(1).max(255),
  principal: shortText.optional(),
};

const manifestFacts = {
  mediaType: shortText,
  size: z.int().nonnegative(),
};

/** Of one manifest in one repository: the subject's digest is the manifest's. */
const manifestPredicates = {
  'manifest-published': z.strictObject({
    ...base,
    ...manifestFacts,
    artifactType: shortText.optional(),
    /** `org.opencontainers.image.source` of the manifest, where it has one. */
    source: z.string().max(2048).optional(),
  }),
  'tag-set': z.strictObject({
    ...base,
    ...manifestFacts,
    tag: z.string().min(1).max(128),
    previous: digest.optional(),
  }),
  'tag-deleted': z.strictObject({ ...base, tag: z.string().min(1).max(128) }),
  'manifest-deleted': z.strictObject({ ...base }),
  'referrer-attached': z.strictObject({ ...base, referrerOf: digest, artifactType: shortText.optional() }),
};

/** Of one scope: the subject's digest is the scope's label (escrow.md, Scope). Names no repository. */
const scopePredicates = {
  'scope-opened': z.strictObject({
    ...event,
    scopeId,
    panelId: hex(32),
    R: hex(32),
    Rbar: hex(32),
    pi: hex(64),
    repoCommit: hex(32),
    /** POSIX seconds. */
    from: z.int().nonnegative(),
    to: z.int().nonnegative(),
    /** The ledgers that prove whose key it is, each at a size (decimal) and root. */
    asOf: z
      .array(z.strictObject({ origin: z.string().min(1).max(255), size: decimal, root: hex(32) }))
      .max(16),
  }),
  'scope-closed': z.strictObject({
    ...event,
    scopeId,
    /** How many records the scope has. */
    count: z.int().nonnegative(),
    /** Index of the last of them, decimal; absent where there are none. */
    lastIndex: decimal.optional(),
  }),
};

/** Of a key that a descriptor of the organisation certifies, or no longer does. */
const keyFacts = {
  role: shortText,
  /** As the descriptor writes it. */
  key: shortText,
  /** The descriptor: its number, and the SHA-256 of its payload. */
  number: z.int().positive(),
  descriptor: hex(32),
};

/** Of something that has a name and no digest of its own: the subject's digest is the SHA-256 of its name. */
const namedPredicates = {
  'repository-withdrawn': z.strictObject({ ...base }),
  'collection-run': z.strictObject({
    ...event,
    principal: shortText.optional(),
    /** How many blobs were removed, and their bytes in all. */
    blobs: z.int().nonnegative(),
    bytes: z.int().nonnegative(),
  }),
  'key-added': z.strictObject({ ...event, ...keyFacts }),
  'key-revoked': z.strictObject({
    ...event,
    ...keyFacts,
    /** `replaced`: what the key signed before stands. `revoked`: nothing that it signs or signed is believed by itself. */
    state: z.enum(['replaced', 'revoked']),
  }),
  /** A ledger of the organisation ended, because entries of it were lost: nothing is signed for its origin any more. */
  'ledger-closed': z.strictObject({
    ...event,
    origin: z.string().min(1).max(255),
    /** The ledger that follows it. */
    successor: z.string().min(1).max(255),
    /** How many entries it is known to have had, and how many of them the organisation still has. */
    size: decimal,
    kept: decimal,
  }),
};

/** The predicates by kind (design: "digests and short facts, no bodies"). */
const predicates = { ...manifestPredicates, ...scopePredicates, ...namedPredicates };

/** The kinds of record that this version writes and reads. */
export type RecordKind = keyof typeof predicates;

type Predicate<Kind extends RecordKind> = z.infer<(typeof predicates)[Kind]>;

type RecordOf<Kind extends RecordKind, Subject> = {
  readonly kind: Kind;
  readonly organisation: string;
} & Subject &
  Readonly<Predicate<Kind>>;

type ManifestSubject = {
  /** The manifest that the record is about. */
  readonly digest: Digest;
};

type ScopeSubject = {
  /** The scope's label, 32 bytes in lowercase hex. */
  readonly label: string;
};

type ManifestKind = keyof typeof manifestPredicates;
type ScopeKind = keyof typeof scopePredicates;
type NamedKind = keyof typeof namedPredicates;

/** A record about one manifest of one repository. */
export type ManifestRecord = { [Kind in ManifestKind]: RecordOf<Kind, ManifestSubject> }[ManifestKind];

/** A record that a scope began or ended; it stands in the ledger in the clear. */
export type ScopeRecord = { [Kind in ScopeKind]: RecordOf<Kind, ScopeSubject> }[ScopeKind];

/** A record about a repository as a whole, or about the organisation's store or keys. */
export type NamedRecord = { [Kind in NamedKind]: RecordOf<Kind, unknown> }[NamedKind];

/** What one ledger entry says: an in-toto statement. */
export type LedgerRecord = ManifestRecord | ScopeRecord | NamedRecord;

/** Whether the record is about one manifest of one repository. */
export function isManifestRecord(record: LedgerRecord): record is ManifestRecord {
  return Object.hasOwn(manifestPredicates, record.kind);
}

/** Whether the record is about a scope. */
export function isScopeRecord(record: LedgerRecord): record is ScopeRecord {
  return Object.hasOwn(scopePredicates, record.kind);
}

/** The predicate type URI of a kind. */
export function predicateType(kind: RecordKind): string {
  return `${PREDICATE_PREFIX}${kind}/v1`;
}

/** The kind that a predicate type URI names, if this version knows it. */
export function findKind(uri: string): RecordKind | undefined {
  if (!uri.startsWith(PREDICATE_PREFIX) || !uri.endsWith('/v1')) return undefined;
  const kind = uri.slice(PREDICATE_PREFIX.length, -'/v1'.length);
  return Object.hasOwn(predicates, kind) ? (kind as RecordKind) : undefined;
}

/** Checks a predicate against its kind's schema. @throws ZodError */
export function parsePredicate<Kind extends RecordKind>(kind: Kind, value: unknown): Predicate<Kind> {
  // The table's value for a kind is that kind's schema; TypeScript loses the link through the index.
  return predicates[kind].parse(value) as Predicate<Kind>;
}

/** Checks a record id: 32 lowercase hex digits. @throws ZodError */
export function parseRecordId(text: string): RecordId {
  return recordId.parse(text);
}

/** Whether the text is a record id. */
export function isRecordId(text: string): text is RecordId {
  return recordId.safeParse(text).success;
}
