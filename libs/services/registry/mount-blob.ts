import { AccessError } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
import type { RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import type { BlobRequest } from './get-blob.ts';
import { leaseUntil } from './lease.ts';
import { IS_READABLE } from './readable.ts';
import { ensureRepository, getVisibility, type Visibility } from './repositories.ts';
import { transact } from './transact.ts';

/** Which blob is wanted in `repository`, and where it is said to lie; without `from` anywhere that the caller may pull. */
export interface MountRequest extends BlobRequest {
  readonly from?: RepositoryName;
}

// How many repositories that hold the blob are tried when none is named.
const MAX_SOURCES = 64;

const LIST_SOURCES: Statement = {
  name: 'registry_list_blob_sources',
  text: `SELECT r.name FROM repository_blob l JOIN repository r ON r.id = l.repository_id
         WHERE ${IS_READABLE} AND l.digest = $3 ORDER BY r.name LIMIT ${MAX_SOURCES}`,
};
// The source's link is locked, so that it is not taken away before the new one is there.
const LOCK_SOURCE: Statement = {
  name: 'registry_lock_blob_source',
  text: `SELECT l.digest FROM repository_blob l JOIN repository r ON r.id = l.repository_id
         WHERE r.name = $1 AND l.digest = $2 FOR KEY SHARE OF l`,
};
const LINK: Statement = {
  name: 'registry_link_blob',
  text: `WITH leased AS (
           INSERT INTO blob_lease AS l (repository_id, digest, until) VALUES ($1, $2, $3)
           ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until))
         INSERT INTO repository_blob (repository_id, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
};

/**
 * Links a blob of another repository (distribution-spec, Mounting a blob from another repository) and keeps it there for a lease; false if there is
 * none that the caller may pull, and an upload is to be begun instead.
 * @throws OciError DENIED; AccessError, whose scopes take in pulling from `from`; LedgerError FROZEN
 */
export async function mountBlob(deps: RegistryDeps, request: MountRequest): Promise<boolean> {
  const { principal, repository } = request;
  try {
    await deps.access.require(principal, 'push', repository);
  } catch (error) {
    throw namingBoth(error, request);
  }
  deps.ledger.requireWritable();
  const sources = await listSources(deps, request);
  if (sources.length === 0) return false;
  return linkBlob(deps, request, { sources, visibility: await getVisibility(deps, repository) });
}

/** Links a blob that one of the sources still has; false if none has. */
export async function linkBlob(
  deps: RegistryDeps,
  { repository, digest }: Pick<BlobRequest, 'repository' | 'digest'>,
  { sources, visibility }: { readonly sources: readonly RepositoryName[]; readonly visibility: Visibility },
): Promise<boolean> {
  for (const source of sources) {
    const linked = await transact(deps.database, async (transaction) => {
      const locked = await transaction.query(LOCK_SOURCE, [source, digest]);
      if (locked.length === 0) return false;
      const repositoryId = await ensureRepository(transaction, repository, visibility);
      await transaction.query(LINK, [repositoryId, digest, leaseUntil(deps)]);
      return true;
    });
    if (linked) return true;
  }
  return false;
}

/**
 * Gives the repositories to link from that the caller may pull: what is hidden costs no statement more than what is not there.
 * @throws AccessError INSUFFICIENT_SCOPE if only the token stands in the way of `from`
 */
export async function listSources(
  deps: Pick<RegistryDeps, 'access' | 'database'>,
  request: MountRequest,
): Promise<readonly RepositoryName[]> {
  const { principal, from, digest } = request;
  if (from !== undefined) return findSource(deps, request, from);
  const { policies, scopes } = await deps.access.findReadable(principal);
  const rows = await deps.database.query<{ name: RepositoryName }>(LIST_SOURCES, [policies, scopes, digest]);
  return rows.map(({ name }) => name);
}

// Policy is asked before scope, so that nobody learns from a challenge what his account may not read.
async function findSource(
  { access }: Pick<RegistryDeps, 'access'>,
  request: MountRequest,
  from: RepositoryName,
): Promise<readonly RepositoryName[]> {
  try {
    await access.require(request.principal, 'pull', from);
    return [from];
  } catch (error) {
    if (!(error instanceof AccessError)) throw error;
    if (error.code === 'INSUFFICIENT_SCOPE') throw namingBoth(error, request);
    return [];
  }
}

// A client asks for the scopes of the challenge and no others, and tries again once: one token has to do for both repositories.
function namingBoth(error: unknown, { repository, from }: MountRequest): unknown {
  if (!(error instanceof AccessError) || from === undefined) return error;
  const scopes = [
    { type: 'repository', name: repository, actions: ['pull', 'push'] },
    { type: 'repository', name: from, actions: ['pull'] },
  ];
  return new AccessError(error.code, error.message, { scopes, cause: error });
}
