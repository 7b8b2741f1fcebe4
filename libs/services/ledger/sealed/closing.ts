import { randomBytes } from 'node:crypto';

import { encodeRecord, parseRecordId } from '@dockchains/records';

import { enqueue, hashed } from '../append.ts';
import type { LedgerContext } from '../context.ts';
import { organisationOf } from './scopes.ts';

// Of one round; the rest is due in the next.
const MAX_SCOPES = 100;

// Pushes hold the scope until they commit, so that whoever has ended it sees all of its records.
const END_DUE = {
  name: 'ledger-end-due-scopes',
  text: `UPDATE scope SET open_repository = NULL WHERE scope_id IN (
           SELECT scope_id FROM scope WHERE ledger_id = $1 AND due_at <= $2 AND open_repository IS NOT NULL
           ORDER BY due_at LIMIT ${MAX_SCOPES})`,
};
const COUNT_RECORDS = {
  name: 'ledger-count-scope-records',
  text: `SELECT s.scope_id AS "scopeId", s.label, count(r.*)::int AS count, max(r.index) AS last
         FROM (SELECT * FROM scope WHERE ledger_id = $1 AND due_at <= $2 AND open_repository IS NULL
               ORDER BY due_at LIMIT ${MAX_SCOPES}) AS s
         JOIN sealed_record b ON b.scope_id = s.scope_id
         LEFT JOIN ledger_record r ON r.ledger_id = b.ledger_id AND r.record_id = b.record_id AND b.record_id <> s.open_record_id
         GROUP BY s.scope_id, s.label
         HAVING count(r.*) = count(*) - 1`,
};
const FINISH = {
  name: 'ledger-finish-scope',
  text: 'UPDATE scope SET due_at = NULL WHERE scope_id = $1 AND due_at IS NOT NULL RETURNING scope_id',
};

/**
 * Ends the scopes whose period is over, and records the closing of those whose records all have indices (escrow.md, Scope).
 * Cost follows the scopes that are due. Gives how many closings were recorded.
 */
export async function closeDueScopes(context: LedgerContext): Promise<number> {
  const { database, ledgerId, origin, clock } = context;
  const now = clock();
  await database.query(END_DUE, [ledgerId, now]);
  const ready = await database.query<{ scopeId: string; label: Buffer; count: number; last: bigint | null }>(
    COUNT_RECORDS,
    [ledgerId, now],
  );
  for (const { scopeId, label, count, last } of ready) {
    const recordId = parseRecordId(randomBytes(16).toString('hex'));
    const entry = encodeRecord({
      ...{ kind: 'scope-closed', organisation: organisationOf(origin), recordId, time: now.toISOString() },
      ...{ scopeId, label: label.toString('hex'), count },
      ...(last !== null && { lastIndex: last.toString() }),
    });
    await database.transaction(async (transaction) => {
      const finished = await transaction.query(FINISH, [scopeId]);
      if (finished.length > 0) await enqueue(transaction, ledgerId, [hashed(recordId, entry)]);
    });
  }
  return ready.length;
}
