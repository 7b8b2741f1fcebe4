import type { Statement, Transaction } from '@dockchains/database';
import type { Digest } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

/** A move or a deletion of a tag that its record tells; facts that it does not give are looked for. */
export interface ToldEvent {
  readonly repositoryId: number;
  readonly tag: string;
  readonly deleted: boolean;
  readonly digest: Digest;
  readonly mediaType?: string;
  readonly size?: number;
  readonly recordId: RecordId;
  readonly at: Date;
}

const ADD: Statement = {
  name: 'registry_replay_add_event',
  text: `INSERT INTO tag_event (repository_id, tag, deleted, digest, media_type, size, record_id, at)
         SELECT $1, $2, $3, $4, COALESCE($5, m.media_type, e.media_type, 'application/octet-stream'),
           COALESCE($6::int, m.size, e.size, 0), $7, $8
         FROM (SELECT) AS one
         LEFT JOIN manifest m ON m.repository_id = $1 AND m.digest = $4
         LEFT JOIN LATERAL (SELECT media_type, size FROM tag_event
                            WHERE repository_id = $1 AND tag = $2 AND digest = $4
                            ORDER BY position DESC LIMIT 1) AS e ON true
         WHERE NOT EXISTS (SELECT FROM tag_event WHERE repository_id = $1 AND tag = $2 AND record_id = $7)`,
};

/** Adds an event to a tag's history, unless its record is there. */
export async function addTagEvent(transaction: Transaction, event: ToldEvent): Promise<void> {
  const { repositoryId, tag, deleted, digest, mediaType, size, recordId, at } = event;
  await transaction.query(ADD, [
    ...[repositoryId, tag, deleted, digest, mediaType ?? null, size ?? null, recordId, at],
  ]);
}
