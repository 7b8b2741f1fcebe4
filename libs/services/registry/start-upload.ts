import type { Principal } from '@dockchains/access';
import type { Parameter, Statement } from '@dockchains/database';
import type { DigestAlgorithm, RepositoryName } from '@dockchains/oci';

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

// Not waited for on disk: a crash of the server in the next moments loses a session that has nothing in it.
const INSERT: Statement = {
  name: 'registry_insert_upload',
  text: `INSERT INTO upload (id, repository_id, principal_id, created_at, expires_at)
         SELECT $1, r.id, $3, $4, $5 FROM repository r, set_config('synchronous_commit', 'off', true)
         WHERE r.name = $2 RETURNING id`,
};

/**
 * Begins an upload session and gives its id (distribution-spec, Pushing blobs). The file is made before the row: one
 * without a row is swept, a row without a file would be a session that can't go on.
 * @throws OciError DENIED; AccessError; LedgerError FROZEN; BlobStoreError
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
  if ((await deps.database.query(INSERT, row)).length > 0) return id;
  const visibility = await getVisibility(deps, repository);
  await transact(deps.database, async (transaction) => {
    await ensureRepository(transaction, repository, visibility);
    await transaction.query(INSERT, row);
  });
  return id;
}
