import { unwrapScopeSecret } from '@dockchains/escrow';
import {
  isSealedEntry,
  type LedgerRecord,
  parseRecord,
  parseSealedEntry,
  type RecordId,
} from '@dockchains/records';
import type { Transaction } from '@dockchains/database';

import type { LedgerContext } from '../context.ts';
import { LedgerError } from '../errors.ts';
import { requireSealingKey } from './scope-keys.ts';

/** An entry as a recovery finds it in the tile store. */
export interface FoundBytes {
  readonly entry: Uint8Array;
  /** Of a ledger of sealed records; null for an entry in the clear that opens no scope. */
  readonly body: Uint8Array | null;
}

type FoundScope = { readonly label: Buffer; readonly R: Buffer; readonly panelId: Buffer | null };

const INSERT_SCOPE = {
  name: 'ledger-restore-scope',
  text: `INSERT INTO scope (scope_id, ledger_id, repository, open_repository, due_at, label, r_point, repo_salt, open_record_id, panel_id)
         VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (scope_id) DO NOTHING`,
};
// What the restored database held open for the repository is older than the scope that is met now.
const END_OTHERS = {
  name: 'ledger-restore-end-scope',
  text: 'UPDATE scope SET open_repository = NULL WHERE open_repository = $1 AND scope_id <> $2',
};
const CLOSE_SCOPE = {
  name: 'ledger-restore-close-scope',
  text: 'UPDATE scope SET open_repository = NULL, due_at = NULL WHERE scope_id = $1',
};
const FIND_SCOPE = {
  name: 'ledger-restore-find-scope',
  text: 'SELECT label, r_point AS "R", panel_id AS "panelId" FROM scope WHERE scope_id = $1',
};
const INSERT_BODY = {
  name: 'ledger-restore-body',
  text: `INSERT INTO sealed_record (ledger_id, record_id, scope_id, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (ledger_id, record_id) DO NOTHING`,
};

/** The id of an entry's record, sealed or not. @throws RecordError if it is neither */
export function recordIdOf(entry: Uint8Array): RecordId {
  return isSealedEntry(entry) ? parseSealedEntry(entry).recordId : parseRecord(entry).recordId;
}

/**
 * Puts scope and body of an entry back into the database, and gives what the entry records: entries come in ledger order.
 * @throws LedgerError CONTRADICTION if a body or a scope is not there, KEY_MISSING; RecordError, EscrowError if they do not open
 */
export async function restoreEntry(
  context: LedgerContext,
  transaction: Transaction,
  { entry, body }: FoundBytes,
): Promise<LedgerRecord> {
  if (!isSealedEntry(entry)) {
    const record = parseRecord(entry);
    if (record.kind === 'scope-opened') await restoreScope(context, transaction, { record, body });
    if (record.kind === 'scope-closed') await transaction.query(CLOSE_SCOPE, [record.scopeId]);
    return record;
  }
  const { scopeId, recordId } = parseSealedEntry(entry);
  const [scope] = await transaction.query<FoundScope>(FIND_SCOPE, [scopeId]);
  if (body === null || scope === undefined || context.sealer === undefined) throw missing('a sealed record');
  await transaction.query(INSERT_BODY, [context.ledgerId, recordId, scopeId, body]);
  return context.sealer.open({ scopeId, ...scope, entry, body });
}

const restoreScope = async (
  { ledgerId, sealing }: LedgerContext,
  transaction: Transaction,
  { record, body }: { record: Extract<LedgerRecord, { kind: 'scope-opened' }>; body: Uint8Array | null },
): Promise<void> => {
  if (body === null || sealing === undefined) throw missing('the opening of a scope');
  const { scopeId, recordId } = record;
  const label = Buffer.from(record.label, 'hex');
  const panelId = Buffer.from(record.panelId, 'hex');
  const sealingKey = await requireSealingKey(sealing.keys, panelId);
  const { repository, repoSalt } = unwrapScopeSecret({ sealingKey, label }, body);
  await transaction.query(END_OTHERS, [repository, scopeId]);
  await transaction.query(INSERT_SCOPE, [
    ...[scopeId, ledgerId, repository, new Date(record.to * 1000), label],
    ...[Buffer.from(record.R, 'hex'), repoSalt, recordId, panelId],
  ]);
  await transaction.query(INSERT_BODY, [ledgerId, recordId, scopeId, body]);
};

const missing = (what: string): LedgerError =>
  new LedgerError(
    'CONTRADICTION',
    `The tile store holds ${what} without what opens it. The ledger stays frozen: put the blob store back from its backup.`,
  );
