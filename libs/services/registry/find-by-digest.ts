import type { Principal } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
import type { Digest, ManifestReference, RepositoryName, Tag } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import type { ManifestRow } from './find-manifest.ts';
import { getManifest } from './get-manifest.ts';
import { IS_READABLE } from './readable.ts';

/** A manifest with where it was found; `tag` if it was found by one. */
export interface ResolvedManifest extends ManifestRow {
  readonly repository: RepositoryName;
  readonly tag: Tag | undefined;
}

const MAX_REPOSITORIES = 100;

const FIND: Statement = {
  name: 'registry_find_by_digest',
  text: `SELECT r.name AS repository, m.digest, m.media_type AS "mediaType", m.size,
           m.record_id AS "recordId", m.published_at AS "publishedAt"
         FROM manifest m JOIN repository r ON r.id = m.repository_id
         WHERE ${IS_READABLE} AND m.digest = $3 ORDER BY r.name LIMIT ${MAX_REPOSITORIES}`,
};

/** Finds a manifest in the repositories that the principal may pull, in byte order of their names, at most 100. */
export async function findByDigest(
  { database, access }: RegistryDeps,
  principal: Principal,
  digest: Digest,
): Promise<ResolvedManifest[]> {
  const { policies, scopes } = await access.findReadable(principal);
  const rows = await database.query<Omit<ResolvedManifest, 'tag'>>(FIND, [policies, scopes, digest]);
  return rows.map((row) => ({ ...row, tag: undefined }));
}

/**
 * Gets what a tag or digest of a repository names now, without its bytes.
 * @throws OciError NAME_UNKNOWN, MANIFEST_UNKNOWN; AccessError
 */
export async function resolveReference(
  deps: RegistryDeps,
  principal: Principal,
  { repository, reference }: { repository: RepositoryName; reference: ManifestReference },
): Promise<ResolvedManifest> {
  const { digest, mediaType, size, recordId, publishedAt } = await getManifest(deps, {
    principal,
    repository,
    reference,
  });
  const tag = reference.kind === 'tag' ? reference.tag : undefined;
  return { repository, digest, mediaType, size, recordId, publishedAt, tag };
}
