import type { Principal } from '@dockchains/access';
import type { Parameter, Statement } from '@dockchains/database';
import { type DigestAlgorithm, OciError, type RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { ensureRepository, getVisibility } from './repositories.ts';
import { transact } from './transact.ts';
import { UPLOAD_LIFETIME_MS } from './uploads.ts';

/** Who begins an upload to which repository; the algorithm is the one that the closing digest will most likely have. */
export interface StartUpload {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly algorithm?: DigestAlgorithm;
}

// More than any client opens at once; those that it never ended expire.
const MAX_SESSIONS = 1000;

// Not waited for on disk: a crash of the server in the next moments loses a session that has nothing in it.
const INSERT: Statement = {
  name: 'registry_insert_upload',
  text: `INSERT INTO upload (id, repository_id, principal_id, created_at, expires_at)
         SELECT $1, r.id, $3, $4, $5 FROM repository r, set_config('synchronous_commit', 'off', true)
         WHERE r.name = $2
           AND (SELECT count(*) FROM (SELECT FROM upload WHERE principal_id = $3 LIMIT ${MAX_SESSIONS}) AS open)
               < ${MAX_SESSIONS}
         RETURNING id`,
};

/**
 * Begins an upload session and gives its id (distribution-spec, Pushing blobs). The file is made before the row: one
 * without a row is swept, a row without a file would be a session that can't go on.
 * @throws OciError DENIED, TOOMANYREQUESTS over 1,000 sessions; AccessError; LedgerError FROZEN; BlobStoreError
 */
export async function startUpload(deps: RegistryDeps, request: StartUpload): Promise<string> {
  const { principal, repository, algorithm } = request;
  await deps.access.require(principal, 'push', repository);
  deps.ledger.requireWritable();
  const id = deps.randomBytes(16).toString('hex');
  const now = deps.clock();
  const expiresAt = new Date(now.getTime() + UPLOAD_LIFETIME_MS);
  const row: Parameter[] = [id, repository, principal.id ?? null, now, expiresAt];

  await deps.blobs.createUpload(id, algorithm);
  try {
    if ((await deps.database.query(INSERT, row)).length === 0) await insertFirst(deps, repository, row);
  } catch (error) {
    await deps.blobs.cancelUpload(id).catch(() => false); // the sweep gets it
    throw error;
  }
  return id;
}

/** Inserts a session of a repository that is not there yet. */
async function insertFirst(
  deps: RegistryDeps,
  repository: RepositoryName,
  row: readonly Parameter[],
): Promise<void> {
  const visibility = await getVisibility(deps, repository);
  const inserted = await transact(deps.database, async (transaction) => {
    await ensureRepository(transaction, repository, visibility);
    return transaction.query(INSERT, row);
  });
  if (inserted.length > 0) return;
  throw new OciError(
    'TOOMANYREQUESTS',
    `You have ${MAX_SESSIONS} uploads under way: end some of them first.`,
  );
}
