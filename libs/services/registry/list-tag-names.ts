import { type Queryable, shareLookups, type Statement } from '@dockchains/database';
import type { RepositoryName, Tag } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import type { ListTags } from './list-tags.ts';
import { cutPage, type Page } from './page.ts';
import { nameUnknown } from './unknown.ts';

/** One page of tags: those of the repository behind `after`, at most `limit`. */
type WantedPage = { readonly repository: RepositoryName; readonly after: string; readonly limit: number };

/** Finds the names of a page; undefined if there is no such repository. */
export type TagNamesLookup = (wanted: WantedPage) => Promise<readonly Tag[] | undefined>;

// One text for the page: a row for each name would cost more to read than everything else.
const LIST: Statement = {
  name: 'registry_list_tag_names',
  text: `SELECT r.id AS "repositoryId",
           (SELECT string_agg(page.name, ' ' ORDER BY page.name)
            FROM (SELECT t.name FROM tag t WHERE t.repository_id = r.id AND t.name > w.after
                  ORDER BY t.name LIMIT w.most) AS page) AS names
         FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS w(repository, after, most, ordinal)
         LEFT JOIN repository r ON r.name = w.repository
         ORDER BY w.ordinal`,
};

/** Opens the look-up of pages: one statement at a time, shared by the requests that wait for it. */
export function openTagNamesLookup(database: Queryable): TagNamesLookup {
  return shareLookups<WantedPage, readonly Tag[] | undefined>({
    // Neither a name nor a number has a space in it.
    identify: ({ repository, after, limit }) => `${repository} ${limit} ${after}`,
    async lookUpAll(wanted) {
      const rows = await database.query<{ repositoryId: number | null; names: string | null }>(LIST, [
        wanted.map(({ repository }) => repository),
        wanted.map(({ after }) => after),
        wanted.map(({ limit }) => limit),
      ]);
      return rows.map(({ repositoryId, names }) =>
        repositoryId === null ? undefined : ((names?.split(' ') ?? []) as Tag[]),
      );
    },
  });
}

/**
 * Lists the names of a repository's tags in byte order (distribution-spec, Listing Tags). Asked only when the permission is
 * there: a page of a hidden repository must not take longer to refuse than that of none.
 * @throws OciError NAME_UNKNOWN; AccessError
 */
export async function listTagNames(deps: RegistryDeps, request: ListTags): Promise<Page<Tag>> {
  const { principal, repository, after = '', limit } = request;
  await deps.access.require(principal, 'pull', repository);
  const names = await deps.lookUpTagNames({ repository, after, limit: limit + 1 });
  if (names === undefined) throw nameUnknown(repository);
  return cutPage(names, limit, (name) => name);
}
