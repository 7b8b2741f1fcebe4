import type { Principal } from '@dockchains/access';
import type { Queryable, Statement } from '@dockchains/database';
import { OciError, type RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { uploadUnknown } from './unknown.ts';
import { lockKey } from './upload-calls.ts';

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
  /** Whether they are in its row, where an upload begins; else they are in the store's file. */
  readonly inRow: boolean;
  /** What is in the row, if that was asked for. */
  readonly held: Buffer;
}

/** How long a session lives after its last chunk. */
export const UPLOAD_LIFETIME_MS = 24 * 60 * 60 * 1000;

const EMPTY = Buffer.alloc(0);

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
 * Gets the state of an upload; `whole`: with the bytes that its row holds.
 * @throws OciError BLOB_UPLOAD_UNKNOWN also if it is another principal's; AccessError
 */
export async function getUpload(
  { access, uploadCalls, clock }: RegistryDeps,
  { principal, repository, id: sent }: UploadRequest,
  whole = false,
): Promise<Upload> {
  const id = isUploadId(sent) ? sent : '';
  const wanted = { principalId: principal.id ?? null, repository, id, whole };
  const { facts, upload } = await uploadCalls.find(wanted);
  access.judge(principal, repository, facts).require('push');
  if (upload === undefined || (upload.principalId ?? undefined) !== principal.id) throw uploadUnknown();
  if (upload.until.getTime() <= clock().getTime()) throw uploadUnknown();
  const { repositoryId, received, inRow, held } = upload;
  return { id, repositoryId, received: Number(received), inRow, held: held ?? EMPTY };
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
    throw uploadBusy();
  }
  try {
    // Read under the lock: what another request received before this one is counted.
    return await work(await getUpload(deps, request, true), lock.lost);
  } finally {
    if (lock.lost.aborted) deps.blobs.forgetUpload(request.id);
    await lock.release();
  }
}

/** The answer to a request that found another one at its upload. */
export function uploadBusy(): OciError {
  return new OciError(
    'BLOB_UPLOAD_INVALID',
    'Another request is writing to this upload: ask for its state, then go on from there.',
    { status: 416 },
  );
}
