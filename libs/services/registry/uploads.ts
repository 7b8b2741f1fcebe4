import type { Principal } from '@dockchains/access';
import type { Queryable, Statement } from '@dockchains/database';
import { OciError, type RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { uploadUnknown } from './unknown.ts';

/** Who goes on with which upload session. */
export interface UploadRequest {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  /** As the client sent it. */
  readonly id: string;
}

/** An upload session: `received` bytes of it are durable. */
export interface Upload {
  readonly id: string;
  readonly repositoryId: number;
  readonly received: number;
}

/** How long a session lives after its last chunk. */
export const UPLOAD_LIFETIME_MS = 24 * 60 * 60 * 1000;

const FIND_OWNER: Statement = {
  name: 'registry_find_upload_owner',
  text: 'SELECT principal_id AS "principalId" FROM upload WHERE id = $1',
};

/** Says whether the text is an upload's id: 32 lowercase hexadecimal digits. */
export function isUploadId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** Finds the principal that began an upload: whose expired token may still end it. */
export async function findUploadOwner(database: Queryable, id: string): Promise<string | undefined> {
  const [row] = await database.query<{ principalId: string | null }>(FIND_OWNER, [id]);
  return row?.principalId ?? undefined;
}

/**
 * Gets the state of an upload.
 * @throws OciError BLOB_UPLOAD_UNKNOWN also if it is another principal's; AccessError
 */
export async function getUpload(deps: RegistryDeps, request: UploadRequest): Promise<Upload> {
  const { principal, repository, id } = request;
  await deps.access.require(principal, 'push', repository);
  const row = await deps.uploadCalls.find({ id, repository });
  if (row === undefined || (row.principalId ?? undefined) !== principal.id) throw uploadUnknown();
  if (row.expiresAt.getTime() <= deps.clock().getTime()) throw uploadUnknown();
  return { id, repositoryId: row.repositoryId, received: Number(row.received) };
}

/**
 * Runs `work` as the only one that touches the upload, whichever gateway runs it. `lost` aborts if the lock is lost with
 * its connection: another may then be at work.
 * @throws OciError BLOB_UPLOAD_INVALID with status 416 if another request is at it, BLOB_UPLOAD_UNKNOWN; AccessError
 */
export async function withUpload<T>(
  deps: RegistryDeps,
  request: UploadRequest,
  work: (upload: Upload, lost: AbortSignal) => Promise<T>,
): Promise<T> {
  if (!isUploadId(request.id)) throw uploadUnknown();
  const lock = await deps.database.tryLock(lockKey(request.id));
  if (lock === undefined) {
    throw new OciError(
      'BLOB_UPLOAD_INVALID',
      'Another request is writing to this upload: ask for its state, then go on from there.',
      { status: 416 },
    );
  }
  try {
    // Read under the lock: what another request received before this one is counted.
    return await work(await getUpload(deps, request), lock.lost);
  } finally {
    if (lock.lost.aborted) deps.blobs.forgetUpload(request.id);
    await lock.release();
  }
}

/** The advisory lock's key of an upload: the first 8 bytes of its id. */
export function lockKey(id: string): bigint {
  return BigInt.asIntN(64, BigInt(`0x${id.slice(0, 16)}`));
}
