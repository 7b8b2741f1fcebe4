import { isDigest, type Digest } from '@dockchains/oci';
import { z } from 'zod';

import { ClientError } from './errors.ts';
import { graphql, type Operation } from './graphql.ts';
import type { Session } from './session.ts';

/** Scope that opens what an account may read. */
export const READ_SCOPE = 'repository:**:pull';

const ledgerIndex = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,18})$/)
  .transform(BigInt);
const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'is not a digest');

const recordSchema = z.object({
  id: z.string().max(64),
  kind: z.string().max(64),
  index: ledgerIndex.nullable(),
  state: z.enum(['QUEUED', 'SEQUENCED', 'PUBLISHED']),
  /** Of the ledger that it stands in. */
  origin: z.string().max(255),
  /** The record in canonical JSON; where the entry is sealed, what it hides. */
  statement: z.string().max(90_000),
  proof: z
    .string()
    .max(1024 * 1024)
    .nullable(),
});

const artifactSchema = z.object({
  repository: z.string().max(512),
  digest,
  mediaType: z.string().max(255),
  publishedAt: z.string().max(64),
  /** Whose repository it is in. */
  organisation: z.string().max(253),
  record: recordSchema.nullable(),
  /** Of the record in another organisation's public ledger, of which the gateway has a mirror. */
  index: ledgerIndex.nullable(),
});

const ledgerSchema = z.object({
  origin: z.string().max(255),
  verifierKey: z.string().max(1024),
  size: ledgerIndex,
  publishedSize: ledgerIndex,
  queued: z.int().nonnegative(),
  frozen: z.string().nullable(),
  waitingSince: z.string().max(64).nullable(),
  checkpoint: z
    .string()
    .max(64 * 1024)
    .nullable(),
});

/** How far a record has come, and its proof once it is published. */
export type RecordStatus = z.output<typeof recordSchema>;

/** What a reference names now, with the record of how it came to. */
export type Artifact = z.output<typeof artifactSchema>;

/** A ledger's head as the gateway tells it. */
export type LedgerHead = z.output<typeof ledgerSchema>;

const RECORD_FIELDS = 'id kind index state origin statement proof';

const ARTIFACT: Operation<{ artifact: Artifact | null }> = {
  document: `query Artifact($reference: String!) {
    artifact(reference: $reference) {
      repository organisation digest mediaType publishedAt index record { ${RECORD_FIELDS} }
    }
  }`,
  data: z.object({ artifact: artifactSchema.nullable() }),
  scope: READ_SCOPE,
};

const RECORD: Operation<{ record: RecordStatus | null }> = {
  document: `query Record($id: ID!) { record(id: $id) { ${RECORD_FIELDS} } }`,
  data: z.object({ record: recordSchema.nullable() }),
  scope: READ_SCOPE,
};

const LEDGER: Operation<{ ledger: LedgerHead | null }> = {
  document: `query Ledger($origin: String!) {
    ledger(origin: $origin) { origin verifierKey size publishedSize queued frozen waitingSince checkpoint }
  }`,
  data: z.object({ ledger: ledgerSchema.nullable() }),
  scope: READ_SCOPE,
};

/**
 * Asks what `repository:tag` or `repository@digest` names now.
 * @throws ClientError of every code; NOT_FOUND also for what may not be read
 */
export async function getArtifact(session: Session, reference: string): Promise<Artifact> {
  const { artifact } = await graphql(session, ARTIFACT, { reference });
  if (artifact !== null) return artifact;
  throw new ClientError('NOT_FOUND', `There is no ${reference} at ${session.url} that you can read.`);
}

/**
 * Asks how far a record has come.
 * @throws ClientError of every code
 */
export async function getRecord(session: Session, id: string): Promise<RecordStatus> {
  const { record } = await graphql(session, RECORD, { id });
  if (record !== null) return record;
  throw new ClientError('NOT_FOUND', `${session.url} has no record ${id} that you can read.`);
}

/** Asks for a ledger's head; undefined if the gateway has no ledger of that origin. @throws ClientError of every code */
export async function findLedger(session: Session, origin: string): Promise<LedgerHead | undefined> {
  const { ledger } = await graphql(session, LEDGER, { origin });
  return ledger ?? undefined;
}
