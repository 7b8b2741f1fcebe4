import type { Statement, Transaction } from '@dockchains/database';
import { type Digest, OciError, type Tag } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

/** Where a tag is to point; `recordId` is the id of the record that will say so. */
export interface TagMove {
  readonly repositoryId: number;
  readonly name: Tag;
  readonly digest: Digest;
  readonly recordId: RecordId;
  readonly at: Date;
}

/** Whether the tag moved, from where, and the record of its last move: the new one, or that of the move that stands. */
export interface TagMoved {
  readonly moved: boolean;
  readonly recordId: RecordId;
  readonly previous: Digest | undefined;
}

const LOCK: Statement = {
  name: 'registry_lock_tag',
  text: `SELECT digest, record_id AS "recordId" FROM tag WHERE repository_id = $1 AND name = $2 FOR UPDATE`,
};
const MOVE: Statement = {
  name: 'registry_move_tag',
  text: 'UPDATE tag SET digest = $3, record_id = $4, updated_at = $5 WHERE repository_id = $1 AND name = $2',
};
const CREATE: Statement = {
  name: 'registry_create_tag',
  text: `INSERT INTO tag (repository_id, name, digest, record_id, updated_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (repository_id, name) DO NOTHING RETURNING name`,
};

// Creation and deletion of one tag would have to alternate with us this often.
const MAX_ATTEMPTS = 10;

/**
 * Points a tag at a manifest of its repository. The tag's row is locked until the transaction ends, so what is appended
 * after this stands in the ledger in the order in which the moves commit.
 */
export async function setTag(transaction: Transaction, move: TagMove): Promise<TagMoved> {
  const { repositoryId, name, digest, recordId, at } = move;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const [tag] = await transaction.query<{ digest: Digest; recordId: RecordId }>(LOCK, [repositoryId, name]);
    if (tag?.digest === digest) return { moved: false, recordId: tag.recordId, previous: undefined };
    if (tag !== undefined) {
      await transaction.query(MOVE, [repositoryId, name, digest, recordId, at]);
      return { moved: true, recordId, previous: tag.digest };
    }
    const created = await transaction.query(CREATE, [repositoryId, name, digest, recordId, at]);
    if (created.length > 0) return { moved: true, recordId, previous: undefined };
  }
  throw new OciError('TOOMANYREQUESTS', 'The tag is being created and deleted over and over: try again.');
}
