import type { Statement } from '@dockchains/database';

import type { Released } from './collect-content.ts';
import type { RegistryDeps } from './deps.ts';

/** Where a preview stands: behind this lease, by its end, repository and digest. */
export interface LeasePosition {
  readonly until: string;
  readonly repositoryId: number;
  readonly digest: string;
}

/** What a repository would let go of, and whether the bytes would go with it. */
export type Releasable = Released & { readonly frees: boolean };

const PAGE = 500;

// `until` as text, because its microseconds must not be lost on the way.
const PREVIEW: Statement = {
  name: 'registry_preview_collection',
  text: `WITH over AS (
           SELECT l.repository_id, l.digest, l.until FROM blob_lease l
           WHERE l.until <= $1 AND (l.until, l.repository_id, l.digest) > ($2::timestamptz, $3, $4)
             AND NOT EXISTS (SELECT FROM manifest WHERE NOT has_references)
           ORDER BY l.until, l.repository_id, l.digest LIMIT ${PAGE})
         SELECT r.name AS repository, o.digest, COALESCE(b.size, 0) AS size,
           o.until::text AS until, o.repository_id AS "repositoryId",
           CASE WHEN EXISTS (SELECT FROM repository_blob k
                             WHERE k.repository_id = o.repository_id AND k.digest = o.digest)
             THEN find_needing(o.repository_id, o.digest) IS NULL
             ELSE NOT EXISTS (SELECT FROM manifest m
                              WHERE m.repository_id = o.repository_id AND m.digest = o.digest)
           END AS released,
           NOT EXISTS (SELECT FROM manifest m WHERE m.digest = o.digest)
             AND NOT EXISTS (SELECT FROM blob_lease l WHERE l.digest = o.digest
               AND (l.until, l.repository_id) > (o.until, o.repository_id))
             AND NOT EXISTS (SELECT FROM repository_blob k WHERE k.digest = o.digest
               AND (find_needing(k.repository_id, k.digest) IS NOT NULL
                 OR NOT EXISTS (SELECT FROM blob_lease l
                                WHERE l.repository_id = k.repository_id AND l.digest = k.digest))) AS frees
         FROM over o JOIN repository r ON r.id = o.repository_id LEFT JOIN blob b ON b.digest = o.digest
         ORDER BY o.until, o.repository_id, o.digest`,
};

type Row = Omit<Releasable, 'size'> & LeasePosition & { size: bigint; released: boolean };

/** Gives what a collection would let go of now, a page at a time; `next` is undefined behind the last. */
export async function previewPage(
  { database, clock }: RegistryDeps,
  after: LeasePosition,
): Promise<{ found: Releasable[]; next: LeasePosition | undefined }> {
  const rows = await database.query<Row>(PREVIEW, [
    ...[clock(), after.until, after.repositoryId, after.digest],
  ]);
  const found = rows
    .filter(({ released }) => released)
    .map(({ repository, digest, size, frees }) => ({ repository, digest, size: Number(size), frees }));
  return { found, next: rows.length < PAGE ? undefined : rows.at(-1) };
}
