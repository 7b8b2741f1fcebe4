import type { Principal } from '@dockchains/access';
import type { BlobRange, OpenBlob } from '@dockchains/blobs';
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
 * @throws OciError NAME_UNKNOWN, BLOB_UNKNOWN; AccessError
 */
export async function getBlob(deps: RegistryDeps, request: BlobRequest): Promise<StoredBlob> {
  const { principal, repository, digest } = request;
  const { facts, repositoryId, size } = await deps.lookUpBlob(principal, repository, digest);
  deps.access.judge(principal, repository, facts).require('pull');
  if (repositoryId === undefined) throw nameUnknown(repository);
  if (size === undefined) throw blobUnknown(digest);
  return { digest, size, open: (range = { start: 0, end: size - 1 }) => deps.blobs.open(digest, range) };
}
