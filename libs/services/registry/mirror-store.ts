import { encodePatternExpression } from '@dockchains/access';
import type { Database, Statement } from '@dockchains/database';
import type { Digest, RepositoryName } from '@dockchains/oci';

import { IS_MIRROR } from './readable.ts';

/** A blob that a tagged manifest of a mirrored repository needs and the repository does not have. */
export interface MissingBlob {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** What mirrored repositories of a pattern hold, and lack. */
export interface MirrorStore {
  /** Lists what tagged images of mirrors whose names match the pattern lack, in the order of their keys; `next` is undefined at the end. */
  listLacking(
    pattern: string,
    after: MirrorKey,
  ): Promise<{ items: readonly MissingBlob[]; next: MirrorKey | undefined }>;
  /** How many bytes of blobs the mirrors of the pattern hold; one that several of them hold counts for each. */
  countBytes(pattern: string): Promise<bigint>;
  /** Lets go of the blobs that were fetched first, until as many bytes are let go of; they are fetched again when they are pulled. */
  evict(pattern: string, bytes: bigint, until: Date): Promise<number>;
}

/** Where a walk over the references of mirrors goes on. */
export interface MirrorKey {
  readonly repositoryId: number;
  readonly manifest: string;
  readonly digest: string;
}

/** Before the first reference. */
export const FIRST_KEY: MirrorKey = { repositoryId: 0, manifest: '', digest: '' };

// How many references are looked at for a page, whether their blobs are here or not.
const SCANNED = 1000;
const EVICTED_AT_ONCE = 100;

const LIST_LACKING: Statement = {
  name: 'registry_mirror_list_lacking',
  text: `WITH scanned AS (
           SELECT f.repository_id, f.manifest_digest, f.digest FROM manifest_reference f
           WHERE (f.repository_id, f.manifest_digest) >= ($2, $3)
             AND (f.repository_id, f.manifest_digest, f.digest) > ($2, $3, $4)
           ORDER BY f.repository_id, f.manifest_digest, f.digest LIMIT ${SCANNED})
         SELECT s.repository_id AS "repositoryId", s.manifest_digest AS manifest, s.digest, r.name AS repository,
           ${IS_MIRROR} AND r.name ~ $1
             AND NOT EXISTS (SELECT FROM repository_blob b
                             WHERE b.repository_id = s.repository_id AND b.digest = s.digest)
             AND NOT EXISTS (SELECT FROM manifest m WHERE m.repository_id = s.repository_id AND m.digest = s.digest)
             AND EXISTS (SELECT FROM list_holders(s.repository_id, s.manifest_digest) AS h
                         JOIN tag t ON t.repository_id = s.repository_id AND t.digest = h.digest) AS lacking
         FROM scanned s JOIN repository r ON r.id = s.repository_id
         ORDER BY s.repository_id, s.manifest_digest, s.digest`,
};
const COUNT: Statement = {
  name: 'registry_mirror_count_bytes',
  text: `SELECT COALESCE(sum(b.size), 0)::bigint AS bytes
         FROM repository r JOIN repository_blob l ON l.repository_id = r.id JOIN blob b ON b.digest = l.digest
         WHERE ${IS_MIRROR} AND r.name ~ $1`,
};
// A lease for each, so that collection takes the bytes when nobody else has them.
const EVICT: Statement = {
  name: 'registry_mirror_evict',
  text: `WITH oldest AS (
           SELECT l.repository_id, l.digest, b.size,
             sum(b.size) OVER (ORDER BY l.linked_at, l.repository_id, l.digest) - b.size AS before
           FROM repository r JOIN repository_blob l ON l.repository_id = r.id JOIN blob b ON b.digest = l.digest
           WHERE ${IS_MIRROR} AND r.name ~ $1
           ORDER BY l.linked_at, l.repository_id, l.digest LIMIT ${EVICTED_AT_ONCE}),
         doomed AS (SELECT repository_id, digest FROM oldest WHERE before < $2),
         leased AS (
           INSERT INTO blob_lease AS l (repository_id, digest, until)
           SELECT repository_id, digest, $3 FROM doomed ORDER BY repository_id, digest
           ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until))
         DELETE FROM repository_blob l USING doomed d
         WHERE l.repository_id = d.repository_id AND l.digest = d.digest RETURNING l.digest`,
};

/** Opens the view of what mirrors hold. */
export function openMirrorStore(database: Database): MirrorStore {
  return {
    async listLacking(pattern, after) {
      const { repositoryId, manifest, digest } = after;
      const rows = await database.query<MirrorKey & MissingBlob & { lacking: boolean }>(LIST_LACKING, [
        ...[encodePatternExpression(pattern), repositoryId, manifest, digest],
      ]);
      const items = rows.filter(({ lacking }) => lacking);
      return { items, next: rows.length < SCANNED ? undefined : rows.at(-1) };
    },
    async countBytes(pattern) {
      const [row] = await database.query<{ bytes: bigint }>(COUNT, [encodePatternExpression(pattern)]);
      return row?.bytes ?? 0n;
    },
    async evict(pattern, bytes, until) {
      const expression = encodePatternExpression(pattern);
      return (await database.query(EVICT, [expression, bytes, until])).length;
    },
  };
}
