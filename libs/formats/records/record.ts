import { isDigest, type Digest } from '@dockchains/oci';
import { z } from 'zod';

/** in-toto Attestation Framework, Statement v1. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

const PREDICATE_PREFIX = 'https://dockchains.org/record/';

/** 16 random bytes in lowercase hex, unique in a ledger. */
export type RecordId = string & z.$brand<'RecordId'>;

const recordId = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .brand<'RecordId'>();
const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'is not a digest');
const shortText = z.string().min(1).max(512);

// What every predicate says. `principal` is an account's opaque id; names stay outside the ledger, where they can
// be erased. `time` is the gateway's claim; order comes from the index alone.
const base = {
  recordId,
  repository: z.string().min(1).max(255),
  principal: shortText.optional(),
  time: z.iso.datetime({ precision: 3 }),
};

const manifestFacts = {
  mediaType: shortText,
  size: z.int().nonnegative(),
};

/** The predicates by kind (design: "digests and short facts, no bodies"). The subject's digest is the manifest's. */
const predicates = {
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

/** The kinds of record that this version writes and reads. */
export type RecordKind = keyof typeof predicates;

type Predicate<Kind extends RecordKind> = z.infer<(typeof predicates)[Kind]>;

type RecordOf<Kind extends RecordKind> = {
  readonly kind: Kind;
  readonly organisation: string;
  /** The manifest that the record is about. */
  readonly digest: Digest;
} & Readonly<Predicate<Kind>>;

/** What one ledger entry says: an in-toto statement about one manifest of one repository. */
export type LedgerRecord = { [Kind in RecordKind]: RecordOf<Kind> }[RecordKind];

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
