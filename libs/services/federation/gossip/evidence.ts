import { createHash } from 'node:crypto';

import type { Database } from '@dockchains/database';
import {
  encodeEquivocation,
  type Equivocation,
  TlogError,
  type VerifierKey,
  verifyEquivocation,
} from '@dockchains/tlog';

/** A proof that a log signed two histories, as it is kept. */
export type KeptEquivocation = {
  readonly origin: string;
  /** The proof's file, which verifies alone. */
  readonly proof: string;
  readonly foundAt: Date;
};

/** Proofs of equivocation: kept for ever, and what they are about is frozen here. */
export interface Evidence {
  /**
   * Keeps a proof after verifying it with the log's key, and freezes the replica of that log; false if there is one of this log already.
   * @throws TlogError if it proves nothing
   */
  report(equivocation: Equivocation, logKey: VerifierKey): Promise<boolean>;
  /**
   * Keeps what two notes of one size prove, for whoever met them, such as a witness; false if they prove nothing, for two sizes
   * need a proof of what the larger tree was.
   */
  reportConflict(conflict: {
    readonly ours: string;
    readonly theirs: string;
    readonly logKey: VerifierKey;
  }): Promise<boolean>;
  /** The first proof against the log of this origin: while there is one, nothing of it is witnessed or replicated. */
  find(origin: string): Promise<KeptEquivocation | undefined>;
  list(): Promise<readonly KeptEquivocation[]>;
}

type Row = { readonly origin: string; readonly proof: string; readonly found_at: Date };

const MAX_LISTED = 1_000;

// One of each log is enough: whoever signs two histories can sign any number of them. The lock makes the second wait.
const LOCK = {
  name: 'equivocation-lock',
  text: 'SELECT pg_advisory_xact_lock(1684104045, hashtext($1))',
};
const INSERT = {
  name: 'equivocation-insert',
  text: `INSERT INTO equivocation (digest, origin, proof, found_at)
         SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM equivocation WHERE origin = $2) RETURNING digest`,
};
const FREEZE = {
  name: 'equivocation-freeze',
  text: 'UPDATE replica SET frozen = $2 WHERE origin = $1',
};
const FIND = {
  name: 'equivocation-find',
  text: 'SELECT origin, proof, found_at FROM equivocation WHERE origin = $1 ORDER BY found_at LIMIT 1',
};
const LIST = {
  name: 'equivocation-list',
  text: `SELECT origin, proof, found_at FROM equivocation ORDER BY found_at LIMIT ${MAX_LISTED}`,
};

/** Opens the evidence in the organisation's database. */
export function openEvidence({
  database,
  clock,
  log,
}: {
  readonly database: Database;
  readonly clock: () => Date;
  readonly log: { error(fields: object, event: string): void };
}): Evidence {
  const evidence: Evidence = {
    async reportConflict({ ours, theirs, logKey }) {
      try {
        await evidence.report({ older: ours, newer: theirs }, logKey);
        return true;
      } catch (error) {
        if (error instanceof TlogError) return false;
        throw error;
      }
    },
    async report(equivocation, logKey) {
      const { older, newer } = verifyEquivocation(equivocation, logKey);
      const { origin } = older;
      const proof = encodeEquivocation(equivocation);
      const digest = createHash('sha256').update(proof).digest('hex');
      const reason = `it signed two histories, with ${older.size.toString()} and ${newer.size.toString()} entries`;
      const kept = await database.transaction(async (transaction) => {
        await transaction.query(LOCK, [origin]);
        const inserted = await transaction.query(INSERT, [digest, origin, proof, clock()]);
        if (inserted.length > 0) await transaction.query(FREEZE, [origin, reason]);
        return inserted.length > 0;
      });
      if (kept) log.error({ origin, reason }, 'equivocation proven, ledger frozen here');
      return kept;
    },
    async find(origin) {
      const [row] = await database.query<Row>(FIND, [origin]);
      return row === undefined ? undefined : toKept(row);
    },
    async list() {
      return (await database.query<Row>(LIST)).map(toKept);
    },
  };
  return evidence;
}

const toKept = ({ origin, proof, found_at: foundAt }: Row): KeptEquivocation => ({ origin, proof, foundAt });
