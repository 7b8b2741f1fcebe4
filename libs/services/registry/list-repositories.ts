import type { Principal } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
import type { RepositoryName } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { cutPage, type Page } from './page.ts';
import { IS_MIRROR, IS_READABLE } from './readable.ts';
import type { Visibility } from './repositories.ts';

/** A repository as lists show it. */
export interface RepositorySummary {
  readonly name: RepositoryName;
  readonly visibility: Visibility;
  readonly createdAt: Date;
}

/** Which repositories: those behind `after` in byte order that the principal may pull, at most `limit`; of one visibility alone if it is given. */
export interface ListRepositories {
  readonly principal: Principal;
  readonly visibility?: Visibility;
  /** `own` leaves out those of other organisations that are mirrored here. */
  readonly of?: 'own' | 'all';
  readonly after?: string;
  readonly limit: number;
}

const LIST: Statement = {
  name: 'registry_list_repositories',
  text: `SELECT name, visibility, created_at AS "createdAt" FROM repository r
         WHERE ${IS_READABLE} AND name > $3 AND ($5::text IS NULL OR r.visibility = $5)
           AND ($6::text = 'all' OR NOT ${IS_MIRROR})
           AND EXISTS (SELECT FROM manifest m WHERE m.repository_id = r.id)
         ORDER BY name LIMIT $4`,
};

/** Lists the repositories that hold anything and that the caller may pull; the others leave no trace in the pages. */
export async function listRepositories(
  { database, access }: RegistryDeps,
  { principal, visibility, of = 'all', after = '', limit }: ListRepositories,
): Promise<Page<RepositorySummary>> {
  const { policies, scopes } = await access.findReadable(principal);
  const rows = await database.query<RepositorySummary>(LIST, [
    policies,
    scopes,
    after,
    limit + 1,
    visibility ?? null,
    of,
  ]);
  return cutPage(rows, limit, ({ name }) => name);
}
