import type { Principal } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
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

const INSERT: Statement = {
  name: 'registry_insert_upload',
  text: `INSERT INTO upload (id, repository_id, principal_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
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
  const visibility = await getVisibility(deps, repository);
  const id = deps.randomBytes(16).toString('hex');
  await deps.blobs.createUpload(id, algorithm);
  const now = deps.clock();
  const expiresAt = new Date(now.getTime() + UPLOAD_LIFETIME_MS);
  await transact(deps.database, async (transaction) => {
    const repositoryId = await ensureRepository(transaction, repository, visibility);
    await transaction.query(INSERT, [id, repositoryId, principal.id ?? null, now, expiresAt]);
  });
  return id;
}
