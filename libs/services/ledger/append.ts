import type { Transaction } from '@dockchains/database';
import { encodeRecord, type LedgerRecord, type RecordId } from '@dockchains/records';
import { hashLeaf } from '@dockchains/tlog';

/** A record as it stands in the queue: it gets its index later, its bytes are fixed. */
export interface Appended {
  readonly recordId: RecordId;
  /** RFC 6962 leaf hash of the entry, 32 bytes. */
  readonly leafHash: Uint8Array;
}

// ORDER BY makes positions follow the order given: BIGSERIAL defaults are taken as the rows are inserted.
const ENQUEUE = {
  name: 'ledger-enqueue',
  text: `INSERT INTO ledger_queue (ledger_id, record_id, entry)
         SELECT $1, record_id, entry FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS r (record_id, entry, n)
         ORDER BY n`,
};

/** Queues records in the caller's transaction: they are acknowledged exactly if it commits. */
export async function enqueue(
  transaction: Transaction,
  ledgerId: number,
  records: readonly LedgerRecord[],
): Promise<Appended[]> {
  const entries = records.map(encodeRecord);
  await transaction.query(ENQUEUE, [ledgerId, records.map((record) => record.recordId), entries]);
  return records.map((record, position) => ({
    recordId: record.recordId,
    leafHash: hashLeaf(entries[position] ?? new Uint8Array()),
  }));
}
