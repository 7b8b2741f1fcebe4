import type { Database } from '@dockchains/database';
import type { Delivery } from '@dockchains/messaging';

/** A peer's message that could not be taken in, as it is shown. */
export type DeadLetter = {
  readonly id: bigint;
  readonly organisation: string;
  readonly subject: string;
  readonly reason: string;
  readonly buriedAt: Date;
  /** Length of the payload in bytes. */
  readonly bytes: number;
  /** The first 2,048 bytes of the payload, which begins with a line of JSON unless it is none of ours. */
  readonly beginning: Buffer;
};

/** The same as it came. */
type WholeDeadLetter = DeadLetter & {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Buffer;
};

const MAX_REASON_CHARACTERS = 500;
// A peer that sends nothing else fills no disk: the oldest of its own go.
const MAX_PER_ORGANISATION = 1_000;
const MAX_BYTES_PER_ORGANISATION = 64 * 2 ** 20;

const BURY = {
  name: 'federation-bury-message',
  text: `INSERT INTO dead_letter (organisation, subject, headers, payload, reason) VALUES ($1, $2, $3::jsonb, $4, $5)`,
};
const LIMIT = {
  name: 'federation-limit-dead-letters',
  text: `DELETE FROM dead_letter WHERE id IN (
           SELECT id FROM (
             SELECT id, row_number() OVER newest AS place, sum(octet_length(payload)) OVER newest AS bytes
             FROM dead_letter WHERE organisation = $1 WINDOW newest AS (ORDER BY id DESC)
           ) AS kept WHERE place > $2 OR bytes > $3)`,
};
const SHOWN = `id, organisation, subject, reason, buried_at AS "buriedAt", octet_length(payload) AS bytes,
         substring(payload FROM 1 FOR 2048) AS beginning`;
const LIST = {
  name: 'federation-list-dead-letters',
  text: `SELECT ${SHOWN} FROM dead_letter WHERE id > $1 ORDER BY id LIMIT $2`,
};
const COUNT = { name: 'federation-count-dead-letters', text: 'SELECT count(*) AS count FROM dead_letter' };
const FIND = {
  name: 'federation-find-dead-letter',
  text: `SELECT ${SHOWN}, headers, payload FROM dead_letter WHERE id = $1`,
};
const DROP = {
  name: 'federation-drop-dead-letter',
  text: 'DELETE FROM dead_letter WHERE id = $1 RETURNING id',
};

/** Keeps a message, and of each organisation the newest 1,000, of 64 MiB together. */
export async function buryMessage(
  database: Database,
  organisation: string,
  { delivery, reason }: { delivery: Delivery; reason: string },
): Promise<void> {
  const { subject, headers, payload } = delivery;
  await database.transaction(async (transaction) => {
    await transaction.query(BURY, [
      ...[organisation, subject, JSON.stringify(headers), payload],
      reason.slice(0, MAX_REASON_CHARACTERS),
    ]);
    await transaction.query(LIMIT, [organisation, MAX_PER_ORGANISATION, MAX_BYTES_PER_ORGANISATION]);
  });
}

/** Up to `limit` of them behind the id `after`, oldest first. */
export function listDeadLetters(
  database: Database,
  { after, limit }: { after: bigint; limit: number },
): Promise<DeadLetter[]> {
  return database.query<DeadLetter>(LIST, [after, limit]);
}

/** How many there are. */
export async function countDeadLetters(database: Database): Promise<number> {
  const [row] = await database.query<{ count: bigint }>(COUNT);
  return Number(row?.count ?? 0n);
}

/** The one of this id, if it is still there. */
export async function findDeadLetter(database: Database, id: bigint): Promise<WholeDeadLetter | undefined> {
  const [letter] = await database.query<WholeDeadLetter>(FIND, [id]);
  return letter;
}

/** Forgets one; false if it was not there. */
export async function dropDeadLetter(database: Database, id: bigint): Promise<boolean> {
  return (await database.query(DROP, [id])).length > 0;
}
