import type { Principal } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
import type { Digest, RepositoryName, Tag } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import type { RegistryDeps } from './deps.ts';
import { cutPage, type Page } from './page.ts';
import { findRepository } from './repositories.ts';
import { nameUnknown } from './unknown.ts';

/** A tag, and what it names now. */
export interface TagSummary {
  readonly name: Tag;
  readonly digest: Digest;
  /** Of its last move. */
  readonly recordId: RecordId;
  readonly updatedAt: Date;
}

/** Which tags: those behind `after` in byte order, at most `limit`. */
export interface ListTags {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly after?: string;
  readonly limit: number;
}

const LIST: Statement = {
  name: 'registry_list_tags',
  text: `SELECT name, digest, record_id AS "recordId", updated_at AS "updatedAt" FROM tag
         WHERE repository_id = $1 AND name > $2 ORDER BY name LIMIT $3`,
};

/**
 * Lists a repository's tags in byte order (distribution-spec, Listing Tags).
 * @throws OciError NAME_UNKNOWN; AccessError
 */
export async function listTags(deps: RegistryDeps, request: ListTags): Promise<Page<TagSummary>> {
  const { principal, repository, after = '', limit } = request;
  await deps.access.require(principal, 'pull', repository);
  const found = await findRepository(deps.database, repository);
  if (found === undefined) throw nameUnknown(repository);
  const rows = await deps.database.query<TagSummary>(LIST, [found.id, after, limit + 1]);
  return cutPage(rows, limit, ({ name }) => name);
}
