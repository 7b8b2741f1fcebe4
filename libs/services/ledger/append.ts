import type { Parameter, Statement, Transaction } from '@dockchains/database';
import { encodeRecord, type LedgerRecord, type RecordId } from '@dockchains/records';
import { hashLeaf } from '@dockchains/tlog';

/** A record in its final bytes, to be queued: it gets its index later. */
export interface PreparedEntry {
  readonly recordId: RecordId;
  /** At most 65,535 bytes. */
  readonly entry: Uint8Array;
  /** RFC 6962 leaf hash of the entry, 32 bytes. */
  readonly leafHash: Uint8Array;
  /** Where the entry is sealed, or opens a scope: the scope that it is queued under, and what is kept off the tree. */
  readonly sealed?: { readonly scopeId: string; readonly repoSalt: Uint8Array; readonly body: Uint8Array };
}

const ENQUEUE: Statement = {
  name: 'ledger-enqueue',
  text: 'SELECT ledger_enqueue($1, $2, $3::text[], $4::bytea[], $5::bytea[])',
};

/** Gives records their final bytes. @throws RecordError TOO_LARGE, BAD_RECORD */
export function prepareEntries(records: readonly LedgerRecord[]): PreparedEntry[] {
  return records.map((record) => hashed(record.recordId, encodeRecord(record)));
}

/** An entry of a record with its leaf hash. */
export function hashed(recordId: RecordId, entry: Uint8Array): PreparedEntry {
  return { recordId, entry, leafHash: hashLeaf(entry) };
}

/** The parameters of the SQL function `ledger_enqueue`, in its order; all entries are of one scope, or of none. */
export function queueParameters(ledgerId: number, prepared: readonly PreparedEntry[]): Parameter[] {
  const sealed = prepared.flatMap((one) => one.sealed ?? []);
  return [
    ledgerId,
    sealed[0]?.scopeId ?? null,
    prepared.map(({ recordId }) => recordId),
    prepared.map(({ entry }) => entry),
    sealed.length === 0 ? null : sealed.map(({ body }) => body),
  ];
}

/** Queues entries in the caller's transaction: they are acknowledged exactly if it commits. */
export async function enqueue(
  transaction: Transaction,
  ledgerId: number,
  prepared: readonly PreparedEntry[],
): Promise<void> {
  await transaction.query(ENQUEUE, queueParameters(ledgerId, prepared));
}
