import { FACTS_COLUMNS, FACTS_JOINS, type FactsRow } from '@dockchains/access';
import {
  type Database,
  type Parameter,
  shareCalls,
  shareLookups,
  type Statement,
} from '@dockchains/database';
import type { RepositoryName } from '@dockchains/oci';

/** The advisory lock's key of an upload: the first 8 bytes of its id. */
export function lockKey(id: string): bigint {
  return BigInt.asIntN(64, BigInt(`0x${id.slice(0, 16)}`));
}

/** A session's row. */
interface UploadRow {
  readonly repositoryId: number;
  readonly received: bigint;
  readonly principalId: string | null;
  readonly until: Date;
  /** Whether the row holds what was received, or would; else the store's file has it. */
  readonly inRow: boolean;
  /** What the row holds, if that was asked for. */
  readonly held: Buffer | null;
}

/** Who asks for which session of which repository, and whether also for the bytes that its row holds. */
interface WantedUpload {
  readonly principalId: string | null;
  readonly repository: RepositoryName;
  readonly id: string;
  readonly whole: boolean;
}

/** A session, if there is one, and the facts by which to decide whether the principal may know: to be judged first. */
interface FoundUpload {
  readonly facts: FactsRow;
  readonly upload: UploadRow | undefined;
}

/** A session that begins. */
export interface NewUpload {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly principalId: string | undefined;
  readonly at: Date;
  readonly expiresAt: Date;
}

/**
 * What an upload has now, if it has `received` bytes so far: `held` more in its row, unless somebody has the upload's lock; or
 * without `held`, for whoever has the lock himself, all of them in the store's file.
 */
interface UploadMove {
  readonly id: string;
  readonly received: number;
  readonly total: number;
  readonly expiresAt: Date;
  readonly held?: Buffer;
}

/** The statements of upload sessions; those that are asked for at once share one. */
export interface UploadCalls {
  /** Finds a session of a repository. */
  find(wanted: WantedUpload): Promise<FoundUpload>;
  /** Counts bytes that are durable; false if the session has ended or has another number. */
  move(move: UploadMove): Promise<boolean>;
}

/** More sessions than any client opens at once; those that it never ended expire. */
export const MAX_SESSIONS = 1000;

const FIND: Statement = {
  name: 'registry_find_uploads',
  text: `SELECT ${FACTS_COLUMNS}, u.repository_id AS "repositoryId", u.received, u.principal_id AS "principalId",
           u.expires_at AS until, u.held IS NOT NULL OR u.received = 0 AS "inRow", CASE WHEN w.whole THEN u.held END AS held
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[])
           WITH ORDINALITY AS w(principal, repository, id, whole, ordinal)
         ${FACTS_JOINS}
         LEFT JOIN LATERAL (SELECT * FROM upload WHERE id = w.id AND repository_id = r.id LIMIT 1) AS u ON true
         ORDER BY w.ordinal`,
};
// Not waited for on disk: a crash of the server in the next moments loses a session that has nothing in it.
const INSERT: Statement = {
  name: 'registry_insert_uploads',
  text: `WITH w AS (
           SELECT *, row_number() OVER (PARTITION BY principal) AS nth
           FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
             AS w(id, repository, principal, at, until)
         ), open AS (
           SELECT p.principal, (SELECT count(*) FROM (
             SELECT FROM upload WHERE principal_id = p.principal LIMIT ${MAX_SESSIONS}) AS one) AS sessions
           FROM (SELECT DISTINCT principal FROM w) AS p
         )
         INSERT INTO upload (id, repository_id, principal_id, created_at, expires_at)
         SELECT w.id, r.id, w.principal, w.at, w.until
         FROM w JOIN open o ON o.principal IS NOT DISTINCT FROM w.principal
         CROSS JOIN LATERAL (SELECT id FROM repository WHERE name = w.repository LIMIT 1) AS r
         CROSS JOIN set_config('synchronous_commit', 'off', true)
         WHERE o.sessions + w.nth <= ${MAX_SESSIONS}
         RETURNING id`,
};
const MOVE: Statement = {
  name: 'registry_move_uploads',
  text: `UPDATE upload u SET received = w.total, expires_at = w.until,
           held = CASE WHEN w.held IS NOT NULL THEN COALESCE(u.held, '') || w.held END
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::bytea[], $6::bigint[])
           WITH ORDINALITY AS w(id, received, total, until, held, key, n)
         WHERE u.id = w.id AND u.received = w.received
           AND (w.held IS NULL OR (u.held IS NOT NULL OR u.received = 0) AND pg_try_advisory_xact_lock(w.key))
         RETURNING w.n`,
};

/** The parameters of the statement that inserts sessions. */
const rowsOf = (uploads: readonly NewUpload[]): Parameter[] => [
  uploads.map(({ id }) => id),
  uploads.map(({ repository }) => repository),
  uploads.map(({ principalId }) => principalId ?? null),
  uploads.map(({ at }) => at),
  uploads.map(({ expiresAt }) => expiresAt),
];

/** Inserts sessions, and gives which are there; for a transaction as well. */
export async function insertUploads(
  target: Pick<Database, 'query'>,
  uploads: readonly NewUpload[],
): Promise<boolean[]> {
  const inserted = await target.query<{ id: string }>(INSERT, rowsOf(uploads));
  const ids = new Set(inserted.map(({ id }) => id));
  return uploads.map(({ id }) => ids.has(id));
}

/** Opens the statements of upload sessions. */
export function openUploadCalls(database: Database): UploadCalls {
  const moveAll = async (moves: readonly UploadMove[]): Promise<boolean[]> => {
    const moved = await database.query<{ n: bigint }>(MOVE, [
      moves.map(({ id }) => id),
      moves.map(({ received }) => received),
      moves.map(({ total }) => total),
      moves.map(({ expiresAt }) => expiresAt),
      moves.map(({ held }) => held ?? null),
      moves.map(({ id }) => lockKey(id)),
    ]);
    const numbers = new Set(moved.map(({ n }) => Number(n)));
    return moves.map((_, index) => numbers.has(index + 1));
  };
  const alone = async <Call>(
    all: (calls: readonly Call[]) => Promise<boolean[]>,
    call: Call,
  ): Promise<boolean> => (await all([call]))[0] === true;

  return {
    find: shareLookups<WantedUpload, FoundUpload>({
      identify: ({ principalId, repository, id, whole }) =>
        `${principalId ?? ''} ${repository} ${id} ${whole}`,
      async lookUpAll(wanted) {
        const rows = await database.query<FactsRow & (UploadRow | { repositoryId: null })>(FIND, [
          wanted.map(({ principalId }) => principalId),
          wanted.map(({ repository }) => repository),
          wanted.map(({ id }) => id),
          wanted.map(({ whole }) => whole),
        ]);
        return rows.map((row) => ({ facts: row, upload: row.repositoryId === null ? undefined : row }));
      },
    }),
    move: shareCalls({ callOne: (move) => alone(moveAll, move), callAll: moveAll }),
  };
}
