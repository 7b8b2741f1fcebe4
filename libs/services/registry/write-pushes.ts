import {
  type Database,
  type Parameter,
  type Queryable,
  shareCalls,
  type Statement,
} from '@dockchains/database';
import type { PreparedEntry } from '@dockchains/ledger';
import type { Digest, Manifest, Tag } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import type { KnownManifest } from './lease-manifest.ts';
import { PUSH_PACE_MS } from './push-base.ts';
import type { Visibility } from './repositories.ts';
import { SHARED_LOCK } from './repository-lock.ts';

/** All that a push writes. */
export interface PushRow {
  readonly repositoryId: number;
  readonly visibility: Visibility;
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** Bytes of the manifest itself. */
  readonly size: number;
  readonly time: Date;
  readonly known: KnownManifest | undefined;
  readonly recordId: RecordId;
  /** In byte order; the digest that each was read with, and the record of its move. */
  readonly tags: readonly {
    readonly name: Tag;
    readonly previous: Digest | undefined;
    readonly recordId: RecordId;
  }[];
  /** What the ledger's `queueParameters` gave for the entries. */
  readonly queue: readonly Parameter[];
  readonly prepared: readonly PreparedEntry[];
}

/** Writes a push if all is as it was read, and gives what it needs and the repository does not have. SQLSTATE 40001 if it is not. */
export type PushWriter = (row: PushRow) => Promise<Digest | undefined>;

const PUT: Statement = {
  name: 'registry_put_manifest',
  text: `SELECT put_manifest($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11, $12::text[], $13::text[],
           $14::text[], $15::text[], $16::text[], $17, $18, $19::text[], $20::bytea[], $21::bytea[]) AS missing
         FROM ${SHARED_LOCK}`,
};
const PUT_MANY: Statement = {
  name: 'registry_put_manifests',
  text: `SELECT put_manifests($1::int[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[],
           $9::text[], $10::timestamptz[], $11::int[], $12::text[], $13::int[], $14::text[], $15::text[],
           $16::int[], $17::text[], $18::bytea[])`,
};

/** Writes one push by a statement of its own. */
export async function putAlone(target: Queryable, row: PushRow): Promise<Digest | undefined> {
  const { repositoryId, visibility, digest, manifest, size, time, known, recordId, tags, queue } = row;
  const { mediaType, subject, artifactType, requiredBlobs, requiredManifests } = manifest;
  const [answer] = await target.query<{ missing: Digest | null }>(PUT, [
    ...[repositoryId, visibility, digest, mediaType, size, subject?.digest ?? null, artifactType ?? null],
    ...[annotationsOf(manifest), known?.recordId ?? null, recordId, time, requiredBlobs, requiredManifests],
    tags.map(({ name }) => name),
    tags.map(({ previous }) => previous ?? null),
    tags.map((tag) => tag.recordId),
    ...queue,
  ]);
  return answer?.missing ?? undefined;
}

/** Opens the writer of pushes: ordinary ones that come at once share a statement and its commit. */
export function openPushWriter(database: Database): PushWriter {
  const share = shareCalls<PushRow, Digest | undefined>({
    paceMs: PUSH_PACE_MS,
    callOne: (row) => putAlone(database, row),
    callAll: (rows) => putTogether(database, rows),
  });
  return (row) => (isOrdinary(row) ? share(row) : putAlone(database, row));
}

/** A manifest that is new and needs blobs alone, with tags that are new, in the clear: as most pushes are. */
function isOrdinary({ known, manifest, tags, prepared }: PushRow): boolean {
  return (
    known === undefined &&
    manifest.requiredManifests.length === 0 &&
    tags.every(({ previous }) => previous === undefined) &&
    prepared.every(({ sealed }) => sealed === undefined)
  );
}

async function putTogether(database: Database, rows: readonly PushRow[]): Promise<undefined[]> {
  const needs = rows.flatMap(({ manifest }, index) =>
    manifest.requiredBlobs.map((digest) => ({ push: index + 1, digest })),
  );
  const tags = rows.flatMap((row, index) => row.tags.map((tag) => ({ push: index + 1, ...tag })));
  const entries = rows.flatMap(({ prepared, queue }) =>
    prepared.map((one) => ({ ...one, ledgerId: queue[0] ?? null })),
  );
  await database.query(PUT_MANY, [
    rows.map(({ repositoryId }) => repositoryId),
    rows.map(({ visibility }) => visibility),
    rows.map(({ digest }) => digest),
    rows.map(({ manifest }) => manifest.mediaType),
    rows.map(({ size }) => size),
    rows.map(({ manifest }) => manifest.subject?.digest ?? null),
    rows.map(({ manifest }) => manifest.artifactType ?? null),
    rows.map(({ manifest }) => annotationsOf(manifest)),
    rows.map(({ recordId }) => recordId),
    rows.map(({ time }) => time),
    needs.map(({ push }) => push),
    needs.map(({ digest }) => digest),
    tags.map(({ push }) => push),
    tags.map(({ name }) => name),
    tags.map(({ recordId }) => recordId),
    entries.map(({ ledgerId }) => ledgerId),
    entries.map(({ recordId }) => recordId),
    entries.map(({ entry }) => entry),
  ]);
  return rows.map(() => undefined);
}

function annotationsOf({ annotations }: Manifest): string | null {
  return annotations === undefined ? null : JSON.stringify(annotations);
}
