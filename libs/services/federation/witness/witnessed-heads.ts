import type { Queryable } from '@dockchains/database';

/** What this organisation's witness last cosigned of a log; `note` has the log's signatures and our cosignature. */
export interface WitnessedHead {
  readonly size: bigint;
  readonly root: Buffer;
  readonly note: string;
}

const FIND = {
  name: 'witness-find-head',
  text: 'SELECT size, root, note FROM witnessed_head WHERE origin = $1',
};
const FIND_BY_HASH = {
  name: 'witness-find-head-by-hash',
  text: `SELECT size, root, note FROM witnessed_head WHERE encode(sha256(convert_to(origin, 'UTF8')), 'hex') = $1`,
};
const INSERT = {
  name: 'witness-insert-head',
  text: `INSERT INTO witnessed_head (origin, size, root, note, at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (origin) DO NOTHING RETURNING size`,
};
const SWAP = {
  name: 'witness-swap-head',
  text: `UPDATE witnessed_head SET size = $2, root = $3, note = $4, at = $5
         WHERE origin = $1 AND size = $6 AND root = $7 RETURNING size`,
};

/** The head of a log that was cosigned last; undefined if none ever was. */
export async function findWitnessedHead(
  database: Queryable,
  origin: string,
): Promise<WitnessedHead | undefined> {
  const [row] = await database.query<WitnessedHead>(FIND, [origin]);
  return row;
}

/** The same, by the SHA-256 of the origin in lowercase hexadecimal. */
export async function findWitnessedHeadByHash(
  database: Queryable,
  originHash: string,
): Promise<WitnessedHead | undefined> {
  const [row] = await database.query<WitnessedHead>(FIND_BY_HASH, [originHash]);
  return row;
}

/**
 * Puts a head in the place of the one that was found, undefined for none; false, and nothing written, if another stands there now. One
 * statement, so that of two that race only one goes on from the same head (tlog-witness, add-checkpoint). Durable when it returns.
 */
export async function swapWitnessedHead(
  database: Queryable,
  origin: string,
  { previous, next, at }: { previous: WitnessedHead | undefined; next: WitnessedHead; at: Date },
): Promise<boolean> {
  const values = [origin, next.size, next.root, next.note, at];
  const rows =
    previous === undefined
      ? await database.query(INSERT, values)
      : await database.query(SWAP, [...values, previous.size, previous.root]);
  return rows.length > 0;
}
