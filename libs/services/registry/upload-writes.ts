import type { Database, Parameter, Statement } from '@dockchains/database';
import type { Digest } from '@dockchains/oci';

import { MAX_HELD_BYTES } from './hold-chunk.ts';
import { COMMON, JUDGED, type JudgedCall, judging, shareJudged } from './judged-statements.ts';
import type { JudgedRow } from './judged-writes.ts';
import { lockKey, MAX_SESSIONS, type NewUpload } from './upload-calls.ts';

/** A short chunk for an upload, and where its sender says that it begins. */
interface HeldChunk extends JudgedCall {
  readonly bytes: Buffer;
  readonly start: number | undefined;
  readonly expiresAt: Date;
}

/** An upload that has `received` bytes, which have this digest: they are about to be placed. */
interface EndingUpload extends JudgedCall {
  readonly received: number;
  readonly digest: Digest;
  readonly until: Date;
}

/**
 * The statements of uploads that a row holds, each of which also reads the facts and writes nothing where they are not the known ones. What
 * else stands in the way they don't say. Those that are asked for at once share one.
 */
export interface UploadWrites {
  /** Makes a session; not `begun` if the repository is not there or the principal has too many. */
  begin(upload: NewUpload & { readonly known: string }): Promise<JudgedRow & { begun: boolean }>;
  /** Adds a chunk to what the row holds, and gives how many bytes that is then; null if it can't be added there. */
  hold(chunk: HeldChunk): Promise<JudgedRow & { total: number | null }>;
  /** Leases what an upload becomes, and gives the row id of its repository; null if the upload is not as it is said to be. */
  lease(ending: EndingUpload): Promise<JudgedRow & { repositoryId: number | null }>;
}

/** A call's upload in its row, as its principal may go on with it. */
const IS_OPEN = `u.id = j.id AND u.repository_id = j.rid AND u.principal_id IS NOT DISTINCT FROM j.principal
           AND u.expires_at > j.at AND (u.held IS NOT NULL OR u.received = 0)`;

// Not waited for on disk: a crash of the server in the next moments loses a session that has nothing in it.
const BEGIN: Statement = {
  name: 'registry_begin_uploads',
  text: `WITH ${judging('until', `${COMMON}, $6::timestamptz[]`)},
         o AS (
           SELECT p.principal, (SELECT count(*) FROM (
             SELECT FROM upload WHERE principal_id = p.principal LIMIT ${MAX_SESSIONS}) AS one) AS sessions
           FROM (SELECT DISTINCT principal FROM f) AS p),
         s AS (SELECT j.*, row_number() OVER (PARTITION BY principal) AS nth FROM j),
         b AS (
           INSERT INTO upload (id, repository_id, principal_id, created_at, expires_at)
           SELECT s.id, s.rid, s.principal, s.at, s.until
           FROM s JOIN o ON o.principal IS NOT DISTINCT FROM s.principal
           CROSS JOIN set_config('synchronous_commit', 'off', true)
           WHERE s.judged AND s.rid IS NOT NULL AND o.sessions + s.nth <= ${MAX_SESSIONS}
           RETURNING id)
         SELECT ${JUDGED}, b.id IS NOT NULL AS begun FROM j LEFT JOIN b ON b.id = j.id ORDER BY j.n`,
};
// Where a session ends is indexed: it is not moved for a minute. The bytes of all chunks are one parameter, which travels as it is: of an array each byte
// would be written as text, and read, and its text twice.
const HOLD: Statement = {
  name: 'registry_hold_uploads',
  text: `WITH ${judging('begins, length, start, until, key', `${COMMON}, $7::int[], $8::int[], $9::bigint[], $10::timestamptz[], $11::bigint[]`)},
         m AS (
           UPDATE upload u SET received = u.received + j.length,
             held = COALESCE(u.held, '') || substring($6::bytea FROM j.begins FOR j.length),
             expires_at = CASE WHEN u.expires_at < j.until - interval '1 minute' THEN j.until ELSE u.expires_at END
           FROM j
           WHERE j.judged AND ${IS_OPEN} AND u.received = COALESCE(j.start, u.received)
             AND u.received + j.length <= ${MAX_HELD_BYTES} AND pg_try_advisory_xact_lock(j.key)
           RETURNING j.n, u.received)
         SELECT ${JUDGED}, m.received AS total FROM j LEFT JOIN m ON m.n = j.n ORDER BY j.n`,
};
// Not waited for on disk, as any lease: what a lost one protected has not been acknowledged.
const LEASE: Statement = {
  name: 'registry_lease_uploads',
  text: `WITH ${judging('received, digest, until', `${COMMON}, $6::bigint[], $7::text[], $8::timestamptz[]`)},
         g AS MATERIALIZED (
           SELECT j.n, j.rid, j.digest, j.until FROM j
           CROSS JOIN LATERAL (SELECT FROM upload u WHERE ${IS_OPEN} AND u.received = j.received LIMIT 1) AS u
           WHERE j.judged),
         l AS (
           INSERT INTO blob_lease AS l (repository_id, digest, until)
           SELECT g.rid, g.digest, max(g.until) FROM g, set_config('synchronous_commit', 'off', true)
           GROUP BY g.rid, g.digest ORDER BY g.rid, g.digest
           ON CONFLICT (repository_id, digest) DO UPDATE SET until = greatest(l.until, excluded.until))
         SELECT ${JUDGED}, g.rid AS "repositoryId" FROM j LEFT JOIN g ON g.n = j.n ORDER BY j.n`,
};

/** Where each chunk begins in the bytes of all, from 1. */
function beginsOf(chunks: readonly HeldChunk[]): number[] {
  let next = 1;
  return chunks.map(({ bytes }) => {
    const begins = next;
    next += bytes.length;
    return begins;
  });
}

/** Opens the statements of uploads that a row holds. */
export function openUploadWrites(database: Database): UploadWrites {
  const share = <Call extends JudgedCall, Row extends JudgedRow>(
    statement: Statement,
    parametersOf: (calls: readonly Call[]) => Parameter[],
  ): ((call: Call) => Promise<Row>) => shareJudged(database, { statement, parametersOf });
  const hold = share<HeldChunk, JudgedRow & { total: bigint | null }>(HOLD, (chunks) => [
    Buffer.concat(chunks.map(({ bytes }) => bytes)),
    beginsOf(chunks),
    chunks.map(({ bytes }) => bytes.length),
    chunks.map(({ start }) => start ?? null),
    chunks.map(({ expiresAt }) => expiresAt),
    chunks.map(({ id }) => lockKey(id)),
  ]);
  return {
    begin: share(BEGIN, (uploads: readonly (NewUpload & { readonly known: string })[]) => [
      uploads.map(({ expiresAt }) => expiresAt),
    ]),
    async hold(chunk) {
      const row = await hold(chunk);
      return { ...row, total: row.total === null ? null : Number(row.total) };
    },
    lease: share(LEASE, (endings: readonly EndingUpload[]) => [
      endings.map(({ received }) => received),
      endings.map(({ digest }) => digest),
      endings.map(({ until }) => until),
    ]),
  };
}
