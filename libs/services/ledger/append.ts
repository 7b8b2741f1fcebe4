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
}

const ENQUEUE: Statement = {
  name: 'ledger-enqueue',
  text: 'SELECT ledger_enqueue($1, $2, $3::text[], $4::bytea[], $5::bytea[])',
};

/** Gives records their final bytes. @throws RecordError TOO_LARGE, BAD_RECORD */
export function prepareEntries(records: readonly LedgerRecord[]): PreparedEntry[] {
  return records.map((record) => {
    const entry = encodeRecord(record);
    return { recordId: record.recordId, entry, leafHash: hashLeaf(entry) };
  });
}

/** The parameters of the SQL function `ledger_enqueue`, in its order. */
export function queueParameters(ledgerId: number, prepared: readonly PreparedEntry[]): Parameter[] {
  return [ledgerId, null, prepared.map(({ recordId }) => recordId), prepared.map(({ entry }) => entry), null];
}

/** Queues entries in the caller's transaction: they are acknowledged exactly if it commits. */
export async function enqueue(
  transaction: Transaction,
  ledgerId: number,
  prepared: readonly PreparedEntry[],
): Promise<void> {
  await transaction.query(ENQUEUE, queueParameters(ledgerId, prepared));
}
