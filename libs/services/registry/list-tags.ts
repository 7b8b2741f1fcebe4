import type { Principal } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
import type { RepositoryName, Tag } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import { cutPage, type Page } from './page.ts';
import { findRepository } from './repositories.ts';
import { nameUnknown } from './unknown.ts';

/** Which tags: those behind `after` in byte order, at most `limit`. */
export interface ListTags {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly after?: string;
  readonly limit: number;
}

const LIST: Statement = {
  name: 'registry_list_tags',
  text: 'SELECT name FROM tag WHERE repository_id = $1 AND name > $2 ORDER BY name LIMIT $3',
};

/**
 * Lists a repository's tags in byte order (distribution-spec, Listing Tags).
 * @throws OciError NAME_UNKNOWN; AccessError
 */
export async function listTags(deps: RegistryDeps, request: ListTags): Promise<Page<Tag>> {
  const { principal, repository, after = '', limit } = request;
  await deps.access.require(principal, 'pull', repository);
  const found = await findRepository(deps.database, repository);
  if (found === undefined) throw nameUnknown(repository);
  const rows = await deps.database.query<{ name: Tag }>(LIST, [found.id, after, limit + 1]);
  const page = cutPage(rows, limit, ({ name }) => name);
  return { items: page.items.map(({ name }) => name), last: page.last };
}
