import type { Statement, Transaction } from '@dockchains/database';
import type { Digest } from '@dockchains/oci';
import { parseRecord, predicateType } from '@dockchains/records';

/** Whether changes of a record's tag and of its manifest still wait in the queue. */
export interface Queued {
  readonly tag: boolean;
  readonly manifest: boolean;
}

// Rows name their last records, sealed ones too: no entry is opened.
const FIND: Statement = {
  name: 'registry_replay_find_queued',
  text: `WITH ledgers AS (SELECT ARRAY(SELECT id FROM ledger) AS ids)
         SELECT EXISTS (SELECT FROM ledgers, tag_event e JOIN ledger_queue q ON q.record_id = e.record_id
                        WHERE e.repository_id = $1 AND e.tag = $2 AND q.ledger_id = ANY(ids))
             OR EXISTS (SELECT FROM ledgers, tag t JOIN ledger_queue q ON q.record_id = t.record_id
                        WHERE t.repository_id = $1 AND t.name = $2 AND q.ledger_id = ANY(ids)) AS tag,
           EXISTS (SELECT FROM ledgers, manifest m JOIN ledger_queue q ON q.record_id = m.record_id
                   WHERE m.repository_id = $1 AND m.digest = $3 AND q.ledger_id = ANY(ids)) AS manifest`,
};
const LIST_DELETIONS: Statement = {
  name: 'registry_replay_list_deletions',
  text: `SELECT entry FROM ledger_queue WHERE position(convert_to($1, 'UTF8') in entry) > 0`,
};

const deletions = new WeakMap<Transaction, Promise<ReadonlySet<string>>>();

/**
 * Finds whether a change of the tag, and a publication or deletion of the manifest, still wait: those are newer than any
 * record that already has an index, and their effect is in the tables.
 */
export async function findQueued(
  transaction: Transaction,
  place: { repositoryId: number; repository: string; tag: string | undefined; digest: Digest },
): Promise<Queued> {
  const { repositoryId, repository, tag, digest } = place;
  const [row] = await transaction.query<Queued>(FIND, [repositoryId, tag ?? null, digest]);
  const { manifest = false, ...queued } = row ?? { tag: false };
  return {
    ...queued,
    manifest: manifest || (await listDeletions(transaction)).has(keyOf(repository, digest)),
  };
}

/** A deletion leaves no row of the manifest that could name its record: the queue is read, once in a transaction. */
function listDeletions(transaction: Transaction): Promise<ReadonlySet<string>> {
  const listed = deletions.get(transaction) ?? readDeletions(transaction);
  deletions.set(transaction, listed);
  return listed;
}

async function readDeletions(transaction: Transaction): Promise<ReadonlySet<string>> {
  const rows = await transaction.query<{ entry: Uint8Array }>(LIST_DELETIONS, [
    predicateType('manifest-deleted'),
  ]);
  return new Set(
    rows.flatMap(({ entry }) => {
      const record = parseRecord(entry);
      return record.kind === 'manifest-deleted' ? [keyOf(record.repository, record.digest)] : [];
    }),
  );
}

function keyOf(repository: string, digest: string): string {
  return `${repository}@${digest}`;
}
