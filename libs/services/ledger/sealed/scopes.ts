import { randomBytes } from 'node:crypto';

import { makeScope, sealingPanelId, sealingPublicKey, wrapScopeSecret } from '@dockchains/escrow';
import { encodeRecord, parseRecordId } from '@dockchains/records';
import type { Queryable, Transaction } from '@dockchains/database';
import type { Origin } from '@dockchains/tlog';

import { enqueue, hashed } from '../append.ts';
import type { LedgerContext } from '../context.ts';
import { LedgerError } from '../errors.ts';
import { requireSealingKey, type SealingKeys } from './scope-keys.ts';

/** What a ledger of sealed records needs beside a clear one's. */
export interface Sealing {
  /** The organisation's sealing keys. */
  readonly keys: SealingKeys;
  /** The newest published head of the public ledger, which says whose key it is. */
  readonly publicHead: () => Promise<{ origin: Origin; size: bigint; root: Uint8Array }>;
}

/** A ledger's context together with what seals its records. */
export type SealedContext = LedgerContext & { readonly sealing: Sealing };

/** A scope as the database has it. */
export interface ScopeRow {
  readonly scopeId: string;
  /** 32 bytes each. */
  readonly label: Uint8Array;
  readonly R: Uint8Array;
  readonly repoSalt: Uint8Array;
  /** Says which sealing key it is encapsulated to; null where a version that knew one alone made it. */
  readonly panelId: Uint8Array | null;
  /** The end of its period. */
  readonly dueAt: Date;
}

/** The default of escrow.md: a day. */
const PERIOD_MS = 24 * 60 * 60 * 1000;
const MAX_ATTEMPTS = 10;

const FIND_OPEN = {
  name: 'ledger-find-open-scope',
  text: `SELECT scope_id AS "scopeId", label, r_point AS "R", repo_salt AS "repoSalt", panel_id AS "panelId",
           due_at AS "dueAt" FROM scope WHERE open_repository = $1`,
};
const INSERT = {
  name: 'ledger-insert-scope',
  text: `INSERT INTO scope (scope_id, ledger_id, repository, open_repository, due_at, label, r_point, repo_salt, open_record_id, panel_id)
         VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (open_repository) DO NOTHING RETURNING scope_id`,
};
const END = {
  name: 'ledger-end-scope',
  text: `UPDATE scope SET open_repository = NULL, due_at = $2 WHERE open_repository = $1`,
};
// Of a replaced sealing key: records that come are sealed to the new one.
const END_REPLACED = {
  name: 'ledger-end-scope-replaced',
  text: 'UPDATE scope SET open_repository = NULL, due_at = $2 WHERE scope_id = $1 AND open_repository IS NOT NULL',
};

// Only one whose period is over: another gateway may have ended that, and opened the next.
const END_OVER = {
  name: 'ledger-end-scope-over',
  text: 'UPDATE scope SET open_repository = NULL WHERE open_repository = $1 AND due_at <= $2',
};

/**
 * Gives the scope that takes a repository's records now, opening one on record where there is none.
 * @throws LedgerError BUSY if scopes end as soon as they are opened
 */
export async function ensureScope(context: SealedContext, repository: string): Promise<ScopeRow> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const found = await findOpenScope(context.database, repository);
    const isCurrent = found !== undefined && (await isOfCurrentKey(context, found));
    if (isCurrent && found.dueAt > context.clock()) return found;
    const made = await context.database.transaction(async (transaction) => {
      if (found !== undefined) await transaction.query(END_OVER, [repository, context.clock()]);
      if (found !== undefined && !isCurrent) {
        await transaction.query(END_REPLACED, [found.scopeId, context.clock()]);
      }
      return insertScope(context, transaction, repository);
    });
    if (made !== undefined) return made;
    // Another gateway has opened one meanwhile and committed, which the insert waited for; that one may have ended again.
  }
  throw new LedgerError('BUSY', `Scopes of ${context.origin} end as soon as they are opened: try again.`);
}

/** Asked by the scope's key first: another gateway may know of a newer one, which this one then learns of. @throws LedgerError KEY_MISSING */
async function isOfCurrentKey({ sealing: { keys } }: SealedContext, { panelId }: ScopeRow): Promise<boolean> {
  const key = await requireSealingKey(keys, panelId);
  return Buffer.compare(key, await keys.current()) === 0;
}

/** Takes no more records into the repository's scope, if one is open; its closing goes on record once all of them have indices. */
export async function endScope(transaction: Transaction, repository: string, now: Date): Promise<void> {
  await transaction.query(END, [repository, now]);
}

async function findOpenScope(database: Queryable, repository: string): Promise<ScopeRow | undefined> {
  const [row] = await database.query<ScopeRow>(FIND_OPEN, [repository]);
  return row;
}

async function insertScope(
  context: SealedContext,
  transaction: Transaction,
  repository: string,
): Promise<ScopeRow | undefined> {
  const { origin, ledgerId, sealing, clock } = context;
  const now = clock();
  const from = Math.floor(now.getTime() / 1000);
  const to = from + PERIOD_MS / 1000;
  const publicKey = sealingPublicKey(await sealing.keys.current());
  const panelId = sealingPanelId(publicKey);
  const scopeId = randomBytes(16).toString('hex');
  const repoSalt = randomBytes(32);
  const { label, repoCommit, R, Rbar, pi, opening } = makeScope(
    { origin, scopeId, panelId, publicKey, from, to, repository, repoSalt },
    randomBytes,
  );
  const body = wrapScopeSecret({ publicKey, label }, { opening, repoSalt, repository }, randomBytes);
  opening.fill(0);

  const recordId = parseRecordId(randomBytes(16).toString('hex'));
  const dueAt = new Date(to * 1000);
  const values = [scopeId, ledgerId, repository, dueAt, label, R, repoSalt, recordId, panelId];
  if ((await transaction.query(INSERT, values)).length === 0) return undefined;

  const head = await sealing.publicHead();
  const entry = encodeRecord({
    ...{ kind: 'scope-opened', organisation: organisationOf(origin), recordId, time: now.toISOString() },
    ...{ scopeId, label: hex(label), panelId: hex(panelId), repoCommit: hex(repoCommit) },
    ...{ R: hex(R), Rbar: hex(Rbar), pi: hex(pi), from, to },
    asOf: [{ origin: head.origin, size: head.size.toString(), root: hex(head.root) }],
  });
  await enqueue(transaction, ledgerId, [{ ...hashed(recordId, entry), sealed: { scopeId, repoSalt, body } }]);
  return { scopeId, label, R, repoSalt, panelId, dueAt };
}

/** The organisation that an origin begins with. */
export function organisationOf(origin: Origin): string {
  return origin.slice(0, origin.indexOf('/'));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
