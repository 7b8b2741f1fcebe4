import type { Queryable } from '@dockchains/database';
import { encodeUnexplained } from '@dockchains/tlog';

import { reopenHead, type SignedHead } from '../replication/heads.ts';

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
  readonly file: string;
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
  /** Those of one log, or all, the oldest first. */
  list(origin?: string): Promise<readonly UndecidedHead[]>;
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
const MAX_LISTED = 1_000;

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
  text: `SELECT * FROM undecided_head ORDER BY since, origin, shown_by LIMIT ${MAX_LISTED}`,
};
const LIST_OF = {
  name: 'undecided-list-of',
  text: `SELECT * FROM undecided_head WHERE origin = $1 ORDER BY since, shown_by LIMIT ${MAX_LISTED}`,
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
    async list(origin) {
      const rows = await (origin === undefined
        ? database.query<Row>(LIST)
        : database.query<Row>(LIST_OF, [origin]));
      const now = clock().getTime();
      return rows.map((row) => toUndecided(row, now));
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
    file: encodeUnexplained({ since: since.toISOString(), shownBy, answer, older, newer }),
  };
}
