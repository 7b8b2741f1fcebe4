import type { Queryable, Statement } from '@dockchains/database';

import type { CatalogRepository } from './search.ts';

/** A manifest in a repository of another organisation, as its ledger tells of it. */
export interface CatalogArtifact {
  readonly organisation: string;
  readonly repository: string;
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes of the manifest itself. */
  readonly size: bigint;
  readonly recordId: string;
  /** Of the record in its organisation's public ledger. */
  readonly index: bigint;
  readonly publishedAt: Date;
  /** The tag that it was found by. */
  readonly tag?: string;
}

/** A tag in a repository of another organisation. */
export interface CatalogTag {
  readonly name: string;
  readonly digest: string;
  readonly recordId: string;
  readonly updatedAt: Date;
}

/** Which items of a list: those behind the key, at most `limit`. */
export type CatalogPage = { readonly after?: string; readonly limit: number };

/** A repository by the names that stand in references. */
export type RepositoryKey = { readonly organisation: string; readonly repository: string };

/** Which of the repositories that hold a digest: those behind `<organisation>/<name>`, at most `limit`. */
export type DigestRequest = CatalogPage & { readonly digest: string };

// What is private is our own, and asked of the registry.
const IS_SHOWN = `c.generation = (SELECT generation FROM catalog_generation WHERE state = 'serving')
           AND c.visibility = 'public' AND c.origin = ANY($1::text[])`;
const ARTIFACT = `c.organisation, c.name AS repository, a.digest, a.media_type AS "mediaType", a.size`;

const LIST: Statement = {
  name: 'catalog_list_repositories',
  text: `SELECT c.organisation, c.name, c.visibility, c.created_at AS "createdAt", c.updated_at AS "updatedAt"
         FROM catalog_repository c WHERE ${IS_SHOWN} AND c.organisation = $2 AND c.name > $3 ORDER BY c.name LIMIT $4`,
};
const LIST_TAGS: Statement = {
  name: 'catalog_list_tags',
  text: `SELECT t.name, t.digest, t.record_id AS "recordId", t.updated_at AS "updatedAt"
         FROM catalog_repository c JOIN catalog_tag t ON t.repository_id = c.id
         WHERE ${IS_SHOWN} AND c.organisation = $2 AND c.name = $3 AND t.name > $4 ORDER BY t.name LIMIT $5`,
};
const FIND_BY_TAG: Statement = {
  name: 'catalog_find_by_tag',
  text: `SELECT ${ARTIFACT}, t.record_id AS "recordId", t.index, a.published_at AS "publishedAt", t.name AS tag
         FROM catalog_repository c JOIN catalog_tag t ON t.repository_id = c.id
           JOIN catalog_artifact a ON a.repository_id = c.id AND a.digest = t.digest
         WHERE ${IS_SHOWN} AND c.organisation = $2 AND c.name = $3 AND t.name = $4`,
};
const FIND_BY_DIGEST: Statement = {
  name: 'catalog_find_by_digest',
  text: `SELECT ${ARTIFACT}, a.record_id AS "recordId", a.index, a.published_at AS "publishedAt"
         FROM catalog_repository c JOIN catalog_artifact a ON a.repository_id = c.id
         WHERE ${IS_SHOWN} AND c.organisation = $2 AND c.name = $3 AND a.digest = $4`,
};
const LIST_BY_DIGEST: Statement = {
  name: 'catalog_list_by_digest',
  text: `SELECT ${ARTIFACT}, a.record_id AS "recordId", a.index, a.published_at AS "publishedAt"
         FROM catalog_artifact a JOIN catalog_repository c ON c.id = a.repository_id
         WHERE ${IS_SHOWN} AND a.digest = $2 AND c.organisation || '/' || c.name > $3
         ORDER BY c.organisation || '/' || c.name LIMIT $4`,
};

/** Lists the public repositories of an organisation in byte order of their names; `origins` are the ledgers that may be shown. */
export function listRepositories(
  database: Queryable,
  origins: readonly string[],
  { organisation, after = '', limit }: CatalogPage & { readonly organisation: string },
): Promise<CatalogRepository[]> {
  return database.query(LIST, [origins, organisation, after, limit]);
}

/** Lists the tags of a public repository in byte order; none if there is no such repository. */
export function listTags(
  database: Queryable,
  origins: readonly string[],
  { organisation, repository, after = '', limit }: CatalogPage & RepositoryKey,
): Promise<CatalogTag[]> {
  return database.query(LIST_TAGS, [origins, organisation, repository, after, limit]);
}

/** Finds what a tag or a digest names in a public repository, by the last that was consumed of its ledger. */
export async function findArtifact(
  database: Queryable,
  origins: readonly string[],
  {
    organisation,
    repository,
    ...target
  }: RepositoryKey & ({ readonly tag: string } | { readonly digest: string }),
): Promise<CatalogArtifact | undefined> {
  const [statement, reference] =
    'tag' in target ? [FIND_BY_TAG, target.tag] : [FIND_BY_DIGEST, target.digest];
  const rows = await database.query<CatalogArtifact>(statement, [
    origins,
    organisation,
    repository,
    reference,
  ]);
  return rows[0];
}

/** Lists the public repositories that hold a digest, in byte order of `<organisation>/<name>`; `origins` are the ledgers that may be shown. */
export function listByDigest(
  database: Queryable,
  origins: readonly string[],
  { digest, after = '', limit }: DigestRequest,
): Promise<CatalogArtifact[]> {
  return database.query(LIST_BY_DIGEST, [origins, digest, after, limit]);
}
