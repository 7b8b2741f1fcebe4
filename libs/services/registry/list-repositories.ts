import type { Principal } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
import type { RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { cutPage, type Page } from './page.ts';
import { IS_READABLE } from './readable.ts';

/** Which repositories: those behind `after` in byte order that the principal may pull, at most `limit`. */
export interface ListRepositories {
  readonly principal: Principal;
  readonly after?: string;
  readonly limit: number;
}

const LIST: Statement = {
  name: 'registry_list_repositories',
  text: `SELECT name FROM repository r
         WHERE ${IS_READABLE} AND name > $3
           AND EXISTS (SELECT FROM manifest m WHERE m.repository_id = r.id)
         ORDER BY name LIMIT $4`,
};

/** Lists the repositories that hold anything and that the caller may pull; the others leave no trace in the pages. */
export async function listRepositories(
  { database, access }: RegistryDeps,
  { principal, after = '', limit }: ListRepositories,
): Promise<Page<RepositoryName>> {
  const { policies, scopes } = await access.findReadable(principal);
  const rows = await database.query<{ name: RepositoryName }>(LIST, [policies, scopes, after, limit + 1]);
  const page = cutPage(rows, limit, ({ name }) => name);
  return { items: page.items.map(({ name }) => name), last: page.last };
}
