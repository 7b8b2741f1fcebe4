import { BlobStoreError } from '@dockchains/blobs';
import { type Digest, OciError } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { leaseUntil } from './lease.ts';
import { uploadUnknown } from './unknown.ts';

/** An upload whose bytes are all there, in the store's file or in memory. */
export interface CompleteUpload {
  readonly id: string;
  readonly bytes?: Buffer;
  /** Leases the digest in the repository, and gives that one's row id. */
  readonly lease: (until: Date) => Promise<number>;
}

type Deps = Pick<RegistryDeps, 'blobs' | 'contentCalls' | 'clock'> & { readonly leaseSeconds?: number };

/**
 * Makes an upload's bytes a blob of a repository. Order: the bytes are verified; a lease, so that collection leaves what
 * follows; they are durable in the store; then one statement makes row and link and ends the session. A crash in between
 * leaves a blob that its lease lets go, and an upload that is refused leaves neither repository nor lease.
 * @throws OciError DIGEST_INVALID, the upload being as before; BLOB_UPLOAD_UNKNOWN; BLOB_UPLOAD_INVALID with status 503;
 *   BlobStoreError
 */
export async function commitBlob(deps: Deps, upload: CompleteUpload, digest: Digest): Promise<void> {
  let lease: { repositoryId: number; until: Date } | undefined;
  const { size } = await placeUpload(deps, upload, digest, async () => {
    const until = leaseUntil(deps);
    lease = { repositoryId: await upload.lease(until), until };
  });
  if (lease === undefined) throw new Error('The blob store placed a blob before it said so.');

  const { repositoryId, until } = lease;
  const link = (): Promise<boolean> =>
    deps.contentCalls.link({ repositoryId, digest, size, uploadId: upload.id });
  if (deps.clock() < until && (await link())) return;
  // This gateway slept for longer than the lease. Under a new one, what is in the store stays there.
  await deps.contentCalls.lease({ repositoryId, digest, until: leaseUntil(deps) });
  if ((await deps.blobs.stat(digest)) !== undefined && (await link())) return;
  throw new OciError('BLOB_UPLOAD_INVALID', 'The upload took too long to end: upload the blob again.', {
    status: 503,
  });
}

/** Leases a digest in a repository that is there, or is made then. */
export const leaseIn =
  (
    { contentCalls }: Pick<RegistryDeps, 'contentCalls'>,
    digest: Digest,
    ensureRepositoryId: () => Promise<number>,
  ): CompleteUpload['lease'] =>
  async (until) => {
    const repositoryId = await ensureRepositoryId();
    await contentCalls.lease({ repositoryId, digest, until });
    return repositoryId;
  };

async function placeUpload(
  { blobs }: Deps,
  { id, bytes }: CompleteUpload,
  digest: Digest,
  beforePlacing: () => Promise<void>,
): Promise<{ size: number }> {
  try {
    if (bytes === undefined) return await blobs.commitUpload(id, digest, beforePlacing);
    await blobs.put(bytes, digest, beforePlacing);
    return { size: bytes.length };
  } catch (error) {
    if (!(error instanceof BlobStoreError)) throw error;
    if (error.code === 'UPLOAD_UNKNOWN') throw uploadUnknown();
    if (error.code !== 'DIGEST_MISMATCH') throw error;
    throw new OciError('DIGEST_INVALID', 'The uploaded bytes are not those of the digest.', {
      cause: error,
      detail: { digest },
    });
  }
}
