import type { Database } from '@dockchains/database';
import type { Delivery } from '@dockchains/messaging';

/** A peer's message that could not be taken in. */
export type DeadLetter = {
  readonly id: bigint;
  readonly organisation: string;
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Buffer;
  readonly reason: string;
  readonly buriedAt: Date;
};

const MAX_REASON_CHARACTERS = 500;
// A peer that sends nothing else fills no disk: the oldest of its own go.
const MAX_PER_ORGANISATION = 1_000;

const BURY = {
  name: 'federation-bury-message',
  text: `INSERT INTO dead_letter (organisation, subject, headers, payload, reason) VALUES ($1, $2, $3::jsonb, $4, $5)`,
};
const LIMIT = {
  name: 'federation-limit-dead-letters',
  text: `DELETE FROM dead_letter WHERE organisation = $1 AND id <= (
           SELECT id FROM dead_letter WHERE organisation = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)`,
};
const LIST = {
  name: 'federation-list-dead-letters',
  text: `SELECT id, organisation, subject, headers, payload, reason, buried_at AS "buriedAt"
         FROM dead_letter WHERE id > $1 ORDER BY id LIMIT $2`,
};
const FIND = {
  name: 'federation-find-dead-letter',
  text: `SELECT id, organisation, subject, headers, payload, reason, buried_at AS "buriedAt"
         FROM dead_letter WHERE id = $1`,
};
const DROP = {
  name: 'federation-drop-dead-letter',
  text: 'DELETE FROM dead_letter WHERE id = $1 RETURNING id',
};

/** Keeps a message, and of each organisation the newest 1,000. */
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
    await transaction.query(LIMIT, [organisation, MAX_PER_ORGANISATION]);
  });
}

/** Up to `limit` of them behind the id `after`, oldest first. */
export function listDeadLetters(
  database: Database,
  { after, limit }: { after: bigint; limit: number },
): Promise<DeadLetter[]> {
  return database.query<DeadLetter>(LIST, [after, limit]);
}

/** The one of this id, if it is still there. */
export async function findDeadLetter(database: Database, id: bigint): Promise<DeadLetter | undefined> {
  const [letter] = await database.query<DeadLetter>(FIND, [id]);
  return letter;
}

/** Forgets one; false if it was not there. */
export async function dropDeadLetter(database: Database, id: bigint): Promise<boolean> {
  return (await database.query(DROP, [id])).length > 0;
}
