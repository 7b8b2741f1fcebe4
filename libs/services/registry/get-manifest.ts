import type { Principal } from '@dockchains/access';
import type { ManifestReference, RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import type { ManifestRow } from './find-manifest.ts';
import { manifestUnknown, nameUnknown } from './unknown.ts';

/** A manifest to answer with; `read` gives exactly the bytes that were pushed. */
export interface StoredManifest extends ManifestRow {
  read(): Promise<Buffer>;
}

/** Who wants what of which repository. */
export interface ManifestRequest {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly reference: ManifestReference;
}

/**
 * Gets what a tag or digest names now (distribution-spec, Pulling manifests).
 * @throws OciError NAME_UNKNOWN, MANIFEST_UNKNOWN; AccessError
 */
export async function getManifest(deps: RegistryDeps, request: ManifestRequest): Promise<StoredManifest> {
  const { principal, repository, reference } = request;
  const { facts, repositoryId, manifest } = await deps.lookUpManifest(principal, repository, reference);
  deps.access.judge(principal, repository, facts).require('pull');
  if (repositoryId === undefined) throw nameUnknown(repository);
  if (manifest === undefined) throw manifestUnknown(reference);
  return { ...manifest, read: () => deps.manifestBytes.read(manifest.digest) };
}
