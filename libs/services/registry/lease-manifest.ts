import type { Statement } from '@dockchains/database';
import { type Digest, type Manifest, OciError, type RepositoryName } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import type { RegistryDeps } from './deps.ts';
import { leaseUntil } from './lease.ts';
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

type Row = {
  repositoryId: number;
  missing: Digest | null;
  recordId: RecordId | null;
  hasReferences: boolean;
};

/**
 * Prepares the store for a manifest's bytes: the repository has all that the manifest needs, is made if it is not there,
 * and nothing takes the bytes away before the lease is over. Writes nothing where content is missing.
 * @throws OciError MANIFEST_BLOB_UNKNOWN
 */
export async function leaseManifest(
  deps: RegistryDeps,
  place: { repository: RepositoryName; visibility: Visibility; digest: Digest },
  { requiredBlobs, requiredManifests }: Manifest,
): Promise<{ repositoryId: number; known: KnownManifest | undefined }> {
  const { repository, visibility, digest } = place;
  const [row] = await deps.database.query<Row>(LEASE, [
    ...[repository, visibility, digest, requiredBlobs, requiredManifests, leaseUntil(deps)],
  ]);
  if (row === undefined) throw new Error('lease_manifest gave no row.');
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
