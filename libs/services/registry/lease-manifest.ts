import { type Database, shareCalls, type Statement } from '@dockchains/database';
import { type Digest, type Manifest, OciError, type RepositoryName } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import type { RegistryDeps } from './deps.ts';
import { leaseUntil } from './lease.ts';
import { PUSH_PACE_MS } from './push-base.ts';
import type { Visibility } from './repositories.ts';

/** A manifest's row as a push found it: the record of its publication, and whether what it needs has rows. */
export interface KnownManifest {
  readonly recordId: RecordId;
  readonly hasReferences: boolean;
}

const LEASE: Statement = {
  name: 'registry_lease_manifest',
  text: `SELECT repository_id AS "repositoryId", missing, record_id AS "recordId", has_references AS "hasReferences"
         FROM lease_manifest($1, $2, $3, $4::text[], $5::text[], $6)`,
};

const LEASE_MANY: Statement = {
  name: 'registry_lease_manifests',
  text: `SELECT push, repository_id AS "repositoryId", missing, record_id AS "recordId", has_references AS "hasReferences"
         FROM lease_manifests($1::text[], $2::text[], $3::timestamptz[], $4::int[], $5::text[])`,
};

type Row = {
  repositoryId: number;
  missing: Digest | null;
  recordId: RecordId | null;
  hasReferences: boolean;
};

/** A manifest's bytes, about to be placed in the store for a repository, which may be new. */
interface Wanted {
  readonly repository: RepositoryName;
  readonly visibility: Visibility;
  readonly digest: Digest;
  readonly manifest: Pick<Manifest, 'requiredBlobs' | 'requiredManifests'>;
  readonly until: Date;
}

/** Asks what a push needs, and leases its manifest's bytes where all is there. */
export type ManifestLeases = (wanted: Wanted) => Promise<Row>;

/** Opens the leases of manifests: those that are asked for at once share a statement, but for indexes and new repositories. */
export function openManifestLeases(database: Database): ManifestLeases {
  const leaseOne = async (wanted: Wanted): Promise<Row> => {
    const { repository, visibility, digest, manifest, until } = wanted;
    const { requiredBlobs, requiredManifests } = manifest;
    const [row] = await database.query<Row>(LEASE, [
      ...[repository, visibility, digest, requiredBlobs, requiredManifests, until],
    ]);
    if (row === undefined) throw new Error('lease_manifest gave no row.');
    return row;
  };
  const leaseBlobs = async (all: readonly Wanted[]): Promise<Row[]> => {
    const needs = all.flatMap(({ manifest }, index) =>
      manifest.requiredBlobs.map((digest) => ({ push: index + 1, digest })),
    );
    const rows = await database.query<Row & { push: bigint }>(LEASE_MANY, [
      all.map(({ repository }) => repository),
      all.map(({ digest }) => digest),
      all.map(({ until }) => until),
      needs.map(({ push }) => push),
      needs.map(({ digest }) => digest),
    ]);
    const byPush = new Map(rows.map((row) => [Number(row.push), row]));
    return Promise.all(all.map(async (one, index) => byPush.get(index + 1) ?? leaseOne(one)));
  };
  const share = shareCalls<Wanted, Row>({ paceMs: PUSH_PACE_MS, callOne: leaseOne, callAll: leaseBlobs });
  return (wanted) => (wanted.manifest.requiredManifests.length === 0 ? share(wanted) : leaseOne(wanted));
}

/**
 * Prepares the store for a manifest's bytes: the repository has all that the manifest needs, is made if it is not there,
 * and nothing takes the bytes away before the lease is over. Writes nothing where content is missing.
 * @throws OciError MANIFEST_BLOB_UNKNOWN
 */
export async function leaseManifest(
  deps: RegistryDeps,
  place: { repository: RepositoryName; visibility: Visibility; digest: Digest },
  manifest: Manifest,
): Promise<{ repositoryId: number; known: KnownManifest | undefined }> {
  const row = await deps.leaseManifests({ ...place, manifest, until: leaseUntil(deps) });
  const { repositoryId, missing, recordId, hasReferences } = row;
  if (missing !== null) throw contentMissing(missing);
  return { repositoryId, known: recordId === null ? undefined : { recordId, hasReferences } };
}

/** The answer to a manifest that names what its repository does not have. */
export function contentMissing(digest: Digest): OciError {
  return new OciError(
    'MANIFEST_BLOB_UNKNOWN',
    'The manifest names content that the repository does not have: push that first.',
    { detail: { digest } },
  );
}
