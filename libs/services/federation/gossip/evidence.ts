import { createHash } from 'node:crypto';

import type { Database } from '@dockchains/database';
import { encodeEquivocation, type Equivocation, TlogError, verifyEquivocation } from '@dockchains/tlog';

import type { LogKey } from '../replication/peer-log.ts';
import { IS_OF_HASH, type ListPage, readPage } from './list-page.ts';

/** A proof that a log signed two histories, as it is kept. */
export type KeptEquivocation = {
  readonly origin: string;
  /** The proof's file, which verifies alone. */
  readonly proof: string;
  readonly foundAt: Date;
  /** A note in it has no signature but by a key that was revoked: whoever has that key may have made it, and nothing is frozen. */
  readonly byRevokedKey: boolean;
  /** Where it stands in the list of all: when it was found, and the SHA-256 of its file. */
  readonly key: string;
};

/** Proofs of equivocation: kept for ever, and what they are about is frozen here. */
export interface Evidence {
  /**
   * Keeps a proof after verifying it with the keys that the log has had, and freezes what is held of that log here; false if there is
   * one of this log already.
   * @throws TlogError if it proves nothing
   */
  report(equivocation: Equivocation, logKeys: readonly LogKey[]): Promise<boolean>;
  /** The proof against the log of this origin: while there is one, nothing of it is witnessed or replicated. */
  find(origin: string): Promise<KeptEquivocation | undefined>;
  /** The proof against the log whose origin has this SHA-256 in hexadecimal; one by a revoked key where there is no other. */
  findByHash(originHash: string): Promise<KeptEquivocation | undefined>;
  /** Those that are kept, oldest first, also those by revoked keys. */
  list(page?: ListPage): Promise<readonly KeptEquivocation[]>;
}

/** What evidence takes. */
type EvidenceDeps = {
  readonly database: Database;
  readonly clock: () => Date;
  readonly log: { error(fields: object, event: string): void };
  /** Freezes a ledger of our own, if the origin is of one; durable when it resolves. */
  readonly freezeOwn?: (origin: string, reason: string) => Promise<void>;
};

type Row = {
  readonly digest: string;
  readonly origin: string;
  readonly proof: string;
  readonly found_at: Date;
  readonly by_revoked_key: boolean;
};

// One of each log is enough: whoever signs two histories can sign any number of them. The lock makes the second wait.
const LOCK = {
  name: 'equivocation-lock',
  text: 'SELECT pg_advisory_xact_lock(1684104045, hashtext($1))',
};
const INSERT = {
  name: 'equivocation-insert',
  text: `INSERT INTO equivocation (digest, origin, proof, found_at, by_revoked_key)
         SELECT $1, $2, $3, $4, $5
         WHERE NOT EXISTS (SELECT FROM equivocation WHERE origin = $2 AND (NOT by_revoked_key OR $5))
         ON CONFLICT (digest) DO UPDATE SET by_revoked_key = false WHERE equivocation.by_revoked_key
         RETURNING digest`,
};
const FREEZE = {
  name: 'equivocation-freeze',
  text: 'UPDATE replica SET frozen = $2 WHERE origin = $1',
};
const FIND = {
  name: 'equivocation-find',
  text: `SELECT digest, origin, proof, found_at, by_revoked_key FROM equivocation
         WHERE origin = $1 AND NOT by_revoked_key ORDER BY found_at LIMIT 1`,
};
const FIND_BY_HASH = {
  name: 'equivocation-find-by-hash',
  text: `SELECT digest, origin, proof, found_at, by_revoked_key FROM equivocation
         WHERE ${IS_OF_HASH} ORDER BY by_revoked_key, found_at LIMIT 1`,
};
const LIST = {
  name: 'equivocation-list',
  text: `SELECT digest, origin, proof, found_at, by_revoked_key FROM equivocation
         WHERE (found_at, digest) > ($1, $2) ORDER BY found_at, digest LIMIT $3`,
};

/** Opens the evidence in the organisation's database. */
export function openEvidence({ database, clock, log, freezeOwn }: EvidenceDeps): Evidence {
  return {
    async report(equivocation, logKeys) {
      const { older, newer, byRevokedKey } = verify(equivocation, logKeys);
      const { origin } = older;
      const proof = encodeEquivocation(equivocation);
      const digest = createHash('sha256').update(proof).digest('hex');
      const reason = `it signed two histories, with ${older.size.toString()} and ${newer.size.toString()} entries`;
      // Before the row, which makes that nobody looks again.
      if (!byRevokedKey) await freezeOwn?.(origin, `${origin}: ${reason}`);
      const kept = await database.transaction(async (transaction) => {
        await transaction.query(LOCK, [origin]);
        const inserted = await transaction.query(INSERT, [digest, origin, proof, clock(), byRevokedKey]);
        if (inserted.length > 0 && !byRevokedKey) await transaction.query(FREEZE, [origin, reason]);
        return inserted.length > 0;
      });
      if (!kept) return false;
      log.error(
        { origin, reason },
        byRevokedKey
          ? 'equivocation proven, but by a revoked key: nothing is frozen'
          : 'equivocation proven, ledger frozen here',
      );
      return true;
    },
    async find(origin) {
      const [row] = await database.query<Row>(FIND, [origin]);
      return row === undefined ? undefined : toKept(row);
    },
    async findByHash(originHash) {
      const [row] = await database.query<Row>(FIND_BY_HASH, [originHash]);
      return row === undefined ? undefined : toKept(row);
    },
    async list(page) {
      const { after, limit } = readPage(page);
      const [at = '', digest = ''] = after;
      return (await database.query<Row>(LIST, [at, digest, limit])).map(toKept);
    },
  };
}

/** Verifies with the keys that stand, and where those are not enough with the revoked ones too. @throws TlogError */
function verify(
  equivocation: Equivocation,
  logKeys: readonly LogKey[],
): ReturnType<typeof verifyEquivocation> & { readonly byRevokedKey: boolean } {
  const standing = logKeys.filter(({ isRevoked }) => !isRevoked).map(({ key }) => key);
  try {
    return { ...verifyEquivocation(equivocation, standing), byRevokedKey: false };
  } catch (error) {
    const isUnknown = error instanceof TlogError && error.code === 'UNKNOWN_SIGNER';
    if (!isUnknown || standing.length === logKeys.length) throw error;
    const all = logKeys.map(({ key }) => key);
    return { ...verifyEquivocation(equivocation, all), byRevokedKey: true };
  }
}

const toKept = (row: Row): KeptEquivocation => ({
  ...{ origin: row.origin, proof: row.proof },
  ...{ foundAt: row.found_at, byRevokedKey: row.by_revoked_key },
  key: `${row.found_at.toISOString()} ${row.digest}`,
});
