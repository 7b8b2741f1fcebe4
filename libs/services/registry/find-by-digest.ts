import type { Principal } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
import type { Digest, ManifestReference, RepositoryName, Tag } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import type { ManifestRow } from './find-manifest.ts';
import { getManifest } from './get-manifest.ts';
import { cutPage, type Page } from './page.ts';
import { IS_READABLE } from './readable.ts';

/** A manifest with where it was found; `tag` if it was found by one. */
export interface ResolvedManifest extends ManifestRow {
  readonly repository: RepositoryName;
  readonly tag: Tag | undefined;
}

/** Where a digest is looked for: in the repositories behind `after` in byte order, at most `limit` of them. */
export interface FindByDigest {
  readonly principal: Principal;
  readonly digest: Digest;
  readonly after?: string;
  readonly limit: number;
}

const FIND: Statement = {
  name: 'registry_find_by_digest',
  text: `SELECT r.name AS repository, m.digest, m.media_type AS "mediaType", m.size,
           m.record_id AS "recordId", m.published_at AS "publishedAt"
         FROM manifest m JOIN repository r ON r.id = m.repository_id
         WHERE ${IS_READABLE} AND m.digest = $3 AND r.name > $4 ORDER BY r.name LIMIT $5`,
};

/** Finds a manifest in the repositories that the principal may pull, in byte order of their names. */
export async function findByDigest(
  { database, access }: RegistryDeps,
  { principal, digest, after = '', limit }: FindByDigest,
): Promise<Page<ResolvedManifest>> {
  const { policies, scopes } = await access.findReadable(principal);
  const rows = await database.query<Omit<ResolvedManifest, 'tag'>>(FIND, [
    policies,
    scopes,
    digest,
    after,
    limit + 1,
  ]);
  return cutPage(
    rows.map((row) => ({ ...row, tag: undefined })),
    limit,
    ({ repository }) => repository,
  );
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
