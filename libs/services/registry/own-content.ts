import type { Database, Statement } from '@dockchains/database';
import type { Digest, RepositoryName } from '@dockchains/oci';

import { FIRST_KEY, type MirrorKey } from './mirror-store.ts';
import { IS_MIRROR } from './readable.ts';

/** A blob that a manifest of a repository of our own needs. */
export interface NeededBlob {
  readonly repositoryId: number;
  readonly repository: RepositoryName;
  readonly visibility: 'public' | 'private';
  readonly digest: Digest;
  /** Whether the repository has it, by the database. */
  readonly isLinked: boolean;
}

const PAGE = 1000;

const LIST: Statement = {
  name: 'registry_own_list_needed',
  text: `WITH scanned AS (
           SELECT f.repository_id, f.manifest_digest, f.digest FROM manifest_reference f
           WHERE (f.repository_id, f.manifest_digest) >= ($1, $2)
             AND (f.repository_id, f.manifest_digest, f.digest) > ($1, $2, $3)
           ORDER BY f.repository_id, f.manifest_digest, f.digest LIMIT ${PAGE})
         SELECT s.repository_id AS "repositoryId", s.manifest_digest AS manifest, s.digest, r.name AS repository, r.visibility,
           NOT ${IS_MIRROR}
             AND NOT EXISTS (SELECT FROM manifest m WHERE m.repository_id = s.repository_id AND m.digest = s.digest) AS needed,
           EXISTS (SELECT FROM repository_blob b WHERE b.repository_id = s.repository_id AND b.digest = s.digest) AS "isLinked"
         FROM scanned s JOIN repository r ON r.id = s.repository_id
         ORDER BY s.repository_id, s.manifest_digest, s.digest`,
};
const LINK: Statement = {
  name: 'registry_own_link',
  text: `WITH stored AS (INSERT INTO blob (digest, size) VALUES ($2, $3) ON CONFLICT (digest) DO NOTHING)
         INSERT INTO repository_blob (repository_id, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
};

/** Every blob that manifests of our own repositories need, in the order of their rows; of each manifest anew. */
export async function* listNeededBlobs(database: Database): AsyncGenerator<readonly NeededBlob[]> {
  let after: MirrorKey | undefined = FIRST_KEY;
  while (after !== undefined) {
    const rows: readonly (MirrorKey & NeededBlob & { readonly needed: boolean })[] = await database.query(
      LIST,
      [...[after.repositoryId, after.manifest, after.digest]],
    );
    yield rows.filter(({ needed }) => needed);
    after = rows.length < PAGE ? undefined : rows.at(-1);
  }
}

/** Links a blob whose bytes are in the store to a repository that had it by its own records. */
export async function linkNeededBlob(
  database: Database,
  { repositoryId, digest }: Pick<NeededBlob, 'repositoryId' | 'digest'>,
  size: number,
): Promise<void> {
  await database.query(LINK, [repositoryId, digest, size]);
}
