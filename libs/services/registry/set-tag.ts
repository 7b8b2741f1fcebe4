import type { Statement, Transaction } from '@dockchains/database';
import type { Digest, Tag } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

/** Where a tag points, as its record says. */
export interface TagMove {
  readonly repositoryId: number;
  readonly name: Tag;
  readonly digest: Digest;
  readonly recordId: RecordId;
  readonly at: Date;
}

const SET: Statement = {
  name: 'registry_set_tag',
  text: `INSERT INTO tag AS t (repository_id, name, digest, record_id, updated_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (repository_id, name)
         DO UPDATE SET digest = excluded.digest, record_id = excluded.record_id, updated_at = excluded.updated_at
         WHERE t.digest <> excluded.digest`,
};

/** Points a tag at a manifest of its repository; one that points there already keeps its record. */
export async function setTag(transaction: Transaction, move: TagMove): Promise<void> {
  const { repositoryId, name, digest, recordId, at } = move;
  await transaction.query(SET, [repositoryId, name, digest, recordId, at]);
}
