import type { Principal } from '@dockchains/access';
import { type DigestAlgorithm, OciError, type RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { ensureRepository, getVisibility } from './repositories.ts';
import { transact } from './transact.ts';
import { insertUploads, MAX_SESSIONS, type NewUpload } from './upload-calls.ts';
import { USUAL_ALGORITHM } from './upload-file.ts';
import { UPLOAD_LIFETIME_MS } from './uploads.ts';
import { isWritable } from './writable.ts';

/** Who begins an upload to which repository; the algorithm is the one that the closing digest will most likely have. */
export interface StartUpload {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly algorithm?: DigestAlgorithm;
}

/**
 * Begins an upload session and gives its id (distribution-spec, Pushing blobs). Its file is made by the first chunk that needs one,
 * or here where the digest is to be another than the usual: the store hashes what it writes.
 * @throws OciError DENIED, TOOMANYREQUESTS over 1,000 sessions; AccessError; LedgerError FROZEN; BlobStoreError
 */
export async function startUpload(deps: RegistryDeps, request: StartUpload): Promise<string> {
  const { principal, repository, algorithm } = request;
  const id = deps.randomBytes(16).toString('hex');
  const now = deps.clock();
  const expiresAt = new Date(now.getTime() + UPLOAD_LIFETIME_MS);
  const upload: NewUpload = { id, repository, principalId: principal.id, at: now, expiresAt };

  const isUsual = algorithm === undefined || algorithm === USUAL_ALGORITHM;
  if (!isUsual || !isWritable(deps.ledger)) {
    await deps.access.require(principal, 'push', repository);
    deps.ledger.requireWritable();
  }
  if (!isUsual) await deps.blobs.createUpload(id, algorithm);
  try {
    const row = await deps.judgedWrites.push(request, (known) =>
      deps.uploadWrites.begin({ ...upload, known }),
    );
    if (row?.begun !== true) await insertFirst(deps, request, upload);
  } catch (error) {
    if (!isUsual) await deps.blobs.cancelUpload(id).catch(() => false); // the sweep gets it
    throw error;
  }
  deps.heldBytes.note(id, 0, Buffer.alloc(0));
  return id;
}

/** Inserts a session of a repository that is not there yet. */
async function insertFirst(deps: RegistryDeps, request: StartUpload, upload: NewUpload): Promise<void> {
  const { principal, repository } = request;
  await deps.access.require(principal, 'push', repository);
  const visibility = await getVisibility(deps, repository);
  const [inserted] = await transact(deps.database, async (transaction) => {
    await ensureRepository(transaction, repository, visibility);
    return insertUploads(transaction, [upload]);
  });
  if (inserted === true) return;
  throw new OciError(
    'TOOMANYREQUESTS',
    `You have ${MAX_SESSIONS} uploads under way: end some of them first.`,
  );
}
