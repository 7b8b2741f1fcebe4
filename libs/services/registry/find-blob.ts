import { FACTS_COLUMNS, FACTS_JOINS, type FactsRow, type Principal } from '@dockchains/access';
import { type Queryable, shareLookups, type Statement } from '@dockchains/database';
import type { Digest, RepositoryName } from '@dockchains/oci';

/**
 * What a blob's digest leads to in a repository; `size` in bytes, undefined if the blob is not linked there; and the facts by
 * which to decide whether the principal may know. What has no lease is needed by a manifest.
 */
interface FoundBlob {
  readonly facts: FactsRow;
  readonly repositoryId: number | undefined;
  readonly size: number | undefined;
  readonly leasedUntil: Date | undefined;
}

/** Finds a blob that is linked to a repository. The caller judges the facts first. */
export type BlobLookup = (
  principal: Principal,
  repository: RepositoryName,
  digest: Digest,
) => Promise<FoundBlob>;

const FIND: Statement = {
  name: 'registry_find_blobs',
  text: `SELECT ${FACTS_COLUMNS}, r.id AS "repositoryId", b.size, b.until AS "leasedUntil"
         FROM unnest($1::text[], $2::text[], $3::text[])
           WITH ORDINALITY AS w(principal, repository, digest, ordinal)
         ${FACTS_JOINS}
         LEFT JOIN LATERAL (
           SELECT s.size, e.until FROM repository_blob l JOIN blob s ON s.digest = l.digest
           LEFT JOIN blob_lease e ON e.repository_id = l.repository_id AND e.digest = l.digest
           WHERE l.repository_id = r.id AND l.digest = w.digest LIMIT 1) AS b ON true
         ORDER BY w.ordinal`,
};

type Row = FactsRow & { repositoryId: number | null; size: bigint | null; leasedUntil: Date | null };

type Wanted = { principalId: string | null; repository: RepositoryName; digest: Digest };

/** Opens the look-up of blobs: one statement at a time, shared by the requests that wait for it. */
export function openBlobLookup(database: Queryable): BlobLookup {
  const find = shareLookups<Wanted, FoundBlob>({
    identify: ({ principalId, repository, digest }) => `${principalId ?? ''} ${repository} ${digest}`,
    async lookUpAll(wanted) {
      const rows = await database.query<Row>(FIND, [
        wanted.map(({ principalId }) => principalId),
        wanted.map(({ repository }) => repository),
        wanted.map(({ digest }) => digest),
      ]);
      return rows.map((row) => ({
        facts: row,
        repositoryId: row.repositoryId ?? undefined,
        size: row.size === null ? undefined : Number(row.size),
        leasedUntil: row.leasedUntil ?? undefined,
      }));
    },
  });
  return ({ id }, repository, digest) => find({ principalId: id ?? null, repository, digest });
}
