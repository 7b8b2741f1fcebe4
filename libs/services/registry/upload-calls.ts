import {
  type Database,
  type Parameter,
  shareCalls,
  shareLookups,
  type Statement,
} from '@dockchains/database';
import type { RepositoryName } from '@dockchains/oci';

/** A session's row. */
interface UploadRow {
  readonly repositoryId: number;
  readonly received: bigint;
  readonly principalId: string | null;
  readonly expiresAt: Date;
}

/** A session that begins. */
export interface NewUpload {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly principalId: string | undefined;
  readonly at: Date;
  readonly expiresAt: Date;
}

/** What an upload has now, if it has `received` bytes so far. */
interface UploadMove {
  readonly id: string;
  readonly received: number;
  readonly total: number;
  readonly expiresAt: Date;
}

/** The statements of upload sessions; those that are asked for at once share one. */
export interface UploadCalls {
  /** Finds a session of a repository. */
  find(place: { readonly id: string; readonly repository: RepositoryName }): Promise<UploadRow | undefined>;
  /** Makes a session; false if the repository is not there or the principal has too many. */
  begin(upload: NewUpload): Promise<boolean>;
  /** Counts bytes that are durable; false if the session has ended or has another number. */
  move(move: UploadMove): Promise<boolean>;
}

/** More sessions than any client opens at once; those that it never ended expire. */
export const MAX_SESSIONS = 1000;

const FIND: Statement = {
  name: 'registry_find_uploads',
  text: `SELECT u.repository_id AS "repositoryId", u.received, u.principal_id AS "principalId", u.expires_at AS "expiresAt"
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w(id, repository, ordinal)
         LEFT JOIN LATERAL (
           SELECT u.* FROM upload u JOIN repository r ON r.id = u.repository_id
           WHERE u.id = w.id AND r.name = w.repository LIMIT 1) AS u ON true
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
  text: `UPDATE upload u SET received = w.total, expires_at = w.until
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS w(id, received, total, until)
         WHERE u.id = w.id AND u.received = w.received RETURNING u.id`,
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
    const moved = await database.query<{ id: string }>(MOVE, [
      moves.map(({ id }) => id),
      moves.map(({ received }) => received),
      moves.map(({ total }) => total),
      moves.map(({ expiresAt }) => expiresAt),
    ]);
    const ids = new Set(moved.map(({ id }) => id));
    return moves.map(({ id }) => ids.has(id));
  };
  const alone = async <Call>(
    all: (calls: readonly Call[]) => Promise<boolean[]>,
    call: Call,
  ): Promise<boolean> => (await all([call]))[0] === true;
  const insertAll = (uploads: readonly NewUpload[]): Promise<boolean[]> => insertUploads(database, uploads);

  return {
    find: shareLookups({
      identify: ({ id, repository }) => `${id} ${repository}`,
      async lookUpAll(places) {
        const rows = await database.query<UploadRow | { repositoryId: null }>(FIND, [
          places.map(({ id }) => id),
          places.map(({ repository }) => repository),
        ]);
        return rows.map((row) => (row.repositoryId === null ? undefined : row));
      },
    }),
    begin: shareCalls({ callOne: (upload) => alone(insertAll, upload), callAll: insertAll }),
    move: shareCalls({ callOne: (move) => alone(moveAll, move), callAll: moveAll }),
  };
}
