import type { Principal } from '@dockchains/access';
import { type BlobRange, BlobStoreError, type OpenBlob } from '@dockchains/blobs';
import type { Digest, RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { blobUnknown, nameUnknown } from './unknown.ts';

/** A blob to answer with: its whole size in bytes, and its bytes or a range of them. */
export interface StoredBlob {
  readonly digest: Digest;
  readonly size: number;
  open(range?: BlobRange): Promise<OpenBlob>;
}

/** Who wants which blob of which repository. */
export interface BlobRequest {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/**
 * Gets a blob that is linked to the repository (distribution-spec, Pulling blobs).
 * @throws OciError NAME_UNKNOWN, BLOB_UNKNOWN, also when it is opened; AccessError
 */
export async function getBlob(deps: RegistryDeps, request: BlobRequest): Promise<StoredBlob> {
  return (await findStored(deps, request)).stored;
}

/** Finds a blob and what was read with it, once it is sure that the principal may pull it. */
export async function findStored(deps: RegistryDeps, request: BlobRequest) {
  const { principal, repository, digest } = request;
  const found = await deps.lookUpBlob(principal, repository, digest);
  const { facts, repositoryId, size, leasedUntil } = found;
  const rights = deps.access.judge(principal, repository, facts);
  rights.require('pull');
  if (repositoryId === undefined) throw nameUnknown(repository);
  if (size === undefined) throw blobUnknown(digest);
  const stored: StoredBlob = {
    digest,
    size,
    open: (range = { start: 0, end: size - 1 }) => open(deps, request, range),
  };
  return { stored, rights, repositoryId, leasedUntil };
}

/** Between the look-up and this, collection may have taken a blob that nothing needs: it is unknown then, and no fault. */
async function open(deps: RegistryDeps, request: BlobRequest, range: BlobRange): Promise<OpenBlob> {
  try {
    return await deps.blobs.open(request.digest, range);
  } catch (error) {
    if (!(error instanceof BlobStoreError) || error.code !== 'BLOB_UNKNOWN') throw error;
    const { principal, repository, digest } = request;
    const { size } = await deps.lookUpBlob(principal, repository, digest);
    if (size === undefined) throw blobUnknown(digest);
    throw error;
  }
}
