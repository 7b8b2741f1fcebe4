import { type Queryable, shareLookups, type Statement } from '@dockchains/database';
import type { Digest, RepositoryName } from '@dockchains/oci';

/** What a blob's digest leads to in a repository; `size` in bytes, undefined if the blob is not linked there. */
interface FoundBlob {
  readonly repositoryId: number | undefined;
  readonly size: number | undefined;
}

/** Finds a blob that is linked to a repository. */
export type BlobLookup = (repository: RepositoryName, digest: Digest) => Promise<FoundBlob>;

const FIND: Statement = {
  name: 'registry_find_blobs',
  text: `SELECT r.id AS "repositoryId", b.size
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w(repository, digest, ordinal)
         LEFT JOIN repository r ON r.name = w.repository
         LEFT JOIN repository_blob l ON l.repository_id = r.id AND l.digest = w.digest
         LEFT JOIN blob b ON b.digest = l.digest
         ORDER BY w.ordinal`,
};

type Wanted = { repository: RepositoryName; digest: Digest };

/** Opens the look-up of blobs: one statement at a time, shared by the requests that wait for it. */
export function openBlobLookup(database: Queryable): BlobLookup {
  const find = shareLookups<Wanted, FoundBlob>(async (wanted) => {
    const rows = await database.query<{ repositoryId: number | null; size: bigint | null }>(FIND, [
      wanted.map(({ repository }) => repository),
      wanted.map(({ digest }) => digest),
    ]);
    return rows.map(({ repositoryId, size }) => ({
      repositoryId: repositoryId ?? undefined,
      size: size === null ? undefined : Number(size),
    }));
  });
  return (repository, digest) => find({ repository, digest });
}
