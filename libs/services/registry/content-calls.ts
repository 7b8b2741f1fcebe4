import { type Database, shareCalls, type Statement } from '@dockchains/database';
import type { Digest } from '@dockchains/oci';

import type { Lease } from './lease.ts';
import { PUSH_PACE_MS } from './push-base.ts';

/** Bytes that are in the store under a lease, and the upload session that they came by, if there was one. */
interface ContentLink {
  readonly repositoryId: number;
  readonly digest: Digest;
  readonly size: number;
  readonly uploadId: string;
}

/** The statements by which content comes into a repository; those that are asked for at once share one. */
export interface ContentCalls {
  /**
   * Keeps content from being collected, also content that is yet to be placed in the store; a removal of it that is under
   * way is waited for. Not waited for on disk: what a lost lease protected has not been acknowledged.
   */
  lease(lease: Lease): Promise<undefined>;
  /** Makes the bytes a blob of the repository and ends the session; false if their lease is over. */
  link(link: ContentLink): Promise<boolean>;
}

const LEASE: Statement = {
  name: 'registry_lease_content',
  text: `INSERT INTO blob_lease AS l (repository_id, digest, until)
         SELECT w.id, w.digest, max(w.until)
         FROM unnest($1::int[], $2::text[], $3::timestamptz[]) AS w (id, digest, until),
           set_config('synchronous_commit', 'off', true)
         GROUP BY w.id, w.digest ORDER BY w.id, w.digest
         ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until)`,
};
const LINK: Statement = {
  name: 'registry_link_content',
  text: 'SELECT link_content($1, $2, $3, $4) AS linked',
};
const LINK_MANY: Statement = {
  name: 'registry_link_contents',
  text: 'SELECT link_contents($1::int[], $2::text[], $3::bigint[], $4::text[]) AS nth',
};

/** Opens the statements by which content comes into a repository. */
export function openContentCalls(database: Database): ContentCalls {
  const leaseAll = async (leases: readonly Lease[]): Promise<undefined[]> => {
    await database.query(LEASE, [
      leases.map(({ repositoryId }) => repositoryId),
      leases.map(({ digest }) => digest),
      leases.map(({ until }) => until),
    ]);
    return leases.map(() => undefined);
  };
  return {
    lease: shareCalls<Lease, undefined>({
      paceMs: PUSH_PACE_MS,
      callOne: async (lease) => (await leaseAll([lease]))[0],
      callAll: leaseAll,
    }),
    link: shareCalls<ContentLink, boolean>({
      paceMs: PUSH_PACE_MS,
      async callOne({ repositoryId, digest, size, uploadId }) {
        const [row] = await database.query<{ linked: boolean }>(LINK, [repositoryId, digest, size, uploadId]);
        return row?.linked === true;
      },
      async callAll(links) {
        const rows = await database.query<{ nth: bigint }>(LINK_MANY, [
          links.map(({ repositoryId }) => repositoryId),
          links.map(({ digest }) => digest),
          links.map(({ size }) => size),
          links.map(({ uploadId }) => uploadId),
        ]);
        const linked = new Set(rows.map(({ nth }) => Number(nth)));
        return links.map((_, index) => linked.has(index + 1));
      },
    }),
  };
}
