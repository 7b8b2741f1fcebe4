import type { Queryable } from '@dockchains/database';
import { encodeUnexplained } from '@dockchains/tlog';

import { reopenHead, type SignedHead } from '../replication/heads.ts';
import { IS_OF_HASH, type ListPage, readPage } from './list-page.ts';

/** A signed head that could not be compared with the one held here, and that its log has not explained. */
export type UndecidedHead = {
  readonly origin: string;
  /** The organisation that showed it; the log's own where it was shown to us. */
  readonly shownBy: string;
  readonly held: SignedHead;
  readonly shown: SignedHead;
  readonly since: Date;
  /** The log was heard twice, and explained nothing. One that can't be reached is not guilty of that. */
  readonly isUnexplained: boolean;
  /** Our witness cosigns nothing more of the log before this is explained. */
  readonly isWithheld: boolean;
  /** How the log answered last. */
  readonly answer: string;
  /** A file with both notes: `dockchains audit --proof` tells what it proves, and what it does not. */
  readonly file: () => string;
  /** Where it stands in the list of all: since when, its log, and who showed it. */
  readonly key: string;
};

/** What could not be decided. */
type Found = {
  readonly shownBy: string;
  readonly held: SignedHead;
  readonly shown: SignedHead;
  readonly answer: string;
  readonly isRefused: boolean;
};

/** Heads that wait for an explanation, one of each log and of each who showed one, in the organisation's database. */
export interface Undecided {
  /** Keeps one; of a pair that is kept already the first heads stay. True if its log refused for the first time: worth another question. */
  note(found: Found): Promise<boolean>;
  /** It was explained. */
  settle(origin: string, shownBy: string): Promise<void>;
  /** That of the log whose origin has this SHA-256 in hexadecimal which waits longest; one that was refused an explanation before others. */
  findByHash(originHash: string): Promise<UndecidedHead | undefined>;
  /** Those of one log, the oldest first. */
  listOf(origin: string): Promise<readonly UndecidedHead[]>;
  /** Those of all logs, the oldest first. */
  list(page?: ListPage): Promise<readonly UndecidedHead[]>;
}

type Row = {
  readonly origin: string;
  readonly shown_by: string;
  readonly held: string;
  readonly shown: string;
  readonly since: Date;
  readonly refusals: number;
  readonly answer: string;
};

// Asked once more it may have got over whatever it was.
const REFUSALS = 2;
// A log that asks us to cosign for so long can answer us as well.
const PATIENCE_MS = 60_000;
const MAX_OF_LOG = 1_000;

const NOTE = {
  name: 'undecided-note',
  text: `INSERT INTO undecided_head AS u (origin, shown_by, held, shown, since, refusals, answer)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (origin, shown_by) DO UPDATE
           SET refusals = least(u.refusals + excluded.refusals, 1000000), answer = excluded.answer
         RETURNING u.refusals`,
};
const SETTLE = {
  name: 'undecided-settle',
  text: 'DELETE FROM undecided_head WHERE origin = $1 AND shown_by = $2',
};
const LIST = {
  name: 'undecided-list',
  text: `SELECT * FROM undecided_head WHERE (since, origin, shown_by) > ($1, $2, $3)
         ORDER BY since, origin, shown_by LIMIT $4`,
};
const LIST_OF = {
  name: 'undecided-list-of',
  text: `SELECT * FROM undecided_head WHERE origin = $1 ORDER BY since, shown_by LIMIT ${MAX_OF_LOG}`,
};
const FIND_BY_HASH = {
  name: 'undecided-find-by-hash',
  text: `SELECT * FROM undecided_head WHERE ${IS_OF_HASH}
         ORDER BY refusals >= ${REFUSALS} DESC, since, shown_by LIMIT 1`,
};

/** Opens them. */
export function openUndecided({
  database,
  clock,
  log,
}: {
  readonly database: Queryable;
  readonly clock: () => Date;
  readonly log: { warn(fields: object, event: string): void };
}): Undecided {
  const read = (rows: readonly Row[]): UndecidedHead[] => {
    const now = clock().getTime();
    return rows.map((row) => toUndecided(row, now));
  };
  return {
    async note({ shownBy, held, shown, answer, isRefused }) {
      const { origin } = shown;
      const values = [origin, shownBy, held.note, shown.note, clock(), isRefused ? 1 : 0, answer];
      const [row] = await database.query<{ refusals: number }>(NOTE, values);
      const refusals = isRefused ? (row?.refusals ?? 0) : 0;
      if (refusals === REFUSALS) {
        log.warn(
          { origin, shownBy, held: held.size.toString(), shown: shown.size.toString(), answer },
          'a log does not explain two of its heads: nothing more of it is cosigned',
        );
      }
      return refusals > 0 && refusals < REFUSALS;
    },
    async settle(origin, shownBy) {
      await database.query(SETTLE, [origin, shownBy]);
    },
    async findByHash(originHash) {
      const [found] = read(await database.query<Row>(FIND_BY_HASH, [originHash]));
      return found;
    },
    listOf: async (origin) => read(await database.query<Row>(LIST_OF, [origin])),
    async list(page) {
      const { after, limit } = readPage(page);
      const [since = '', origin = '', shownBy = ''] = after;
      return read(await database.query<Row>(LIST, [since, origin, shownBy, limit]));
    },
  };
}

function toUndecided(row: Row, now: number): UndecidedHead {
  const { origin, since, answer } = row;
  const [held, shown] = [reopenHead(row.held), reopenHead(row.shown)];
  const isUnexplained = row.refusals >= REFUSALS;
  const [older, newer] = held.size < shown.size ? [row.held, row.shown] : [row.shown, row.held];
  const shownBy = row.shown_by;
  return {
    ...{ origin, shownBy, held, shown, since, answer, isUnexplained },
    isWithheld: isUnexplained || now - since.getTime() >= PATIENCE_MS,
    file: () => encodeUnexplained({ since: since.toISOString(), shownBy, answer, older, newer }),
    key: `${since.toISOString()} ${origin} ${shownBy}`,
  };
}
