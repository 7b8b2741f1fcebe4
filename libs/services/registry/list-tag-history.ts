import type { Principal } from '@dockchains/access';
import type { Statement } from '@dockchains/database';
import type { Digest, RepositoryName, Tag } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import type { RegistryDeps } from './deps.ts';
import { cutPage, type Page } from './page.ts';

/** One move or deletion of a tag. */
export interface TagEvent {
  /** Its place in the order of all events: later is higher. */
  readonly position: bigint;
  readonly event: 'created' | 'deleted';
  /** Of the manifest that the tag was set to, or named until it was deleted; the manifest itself may be gone. */
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of that manifest. */
  readonly size: number;
  readonly recordId: RecordId;
  /** The record's index in its ledger; undefined while it has none. */
  readonly index: bigint | undefined;
  /** By the clock of the gateway that did it. */
  readonly at: Date;
}

/** Which events of a tag, newest first: those below the position `after`, at most `limit`. */
export interface ListTagHistory {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly after?: bigint;
  readonly limit: number;
  /** Only those earlier than this. */
  readonly before?: Date;
  /** Only those later than this. */
  readonly since?: Date;
  /** Only those of this manifest. */
  readonly digest?: Digest;
}

const LIST: Statement = {
  name: 'registry_list_tag_history',
  text: `SELECT e.position, e.deleted, e.digest, e.media_type AS "mediaType", e.size, e.record_id AS "recordId", e.at,
           (SELECT l.index FROM ledger_record l
            WHERE l.ledger_id = ANY (ARRAY(SELECT id FROM ledger)) AND l.record_id = e.record_id LIMIT 1) AS index
         FROM tag_event e JOIN repository r ON r.id = e.repository_id
         WHERE r.name = $1 AND e.tag = $2
           AND e.position < COALESCE($3::bigint, 9223372036854775807)
           AND e.at < COALESCE($4::timestamptz, 'infinity') AND e.at > COALESCE($5::timestamptz, '-infinity')
           AND ($6::text IS NULL OR e.digest = $6)
         ORDER BY e.position DESC LIMIT $7`,
};

interface Row extends Omit<TagEvent, 'event' | 'index'> {
  readonly deleted: boolean;
  readonly index: bigint | null;
}

/**
 * Lists what a tag was set to and when it was deleted (distribution-spec, the proposed tag history of pull request 606).
 * The history outlives the tag and its manifests; it is empty for a tag, or a repository, that never was.
 * @throws AccessError
 */
export async function listTagHistory(
  { access, database }: RegistryDeps,
  request: ListTagHistory,
): Promise<Page<TagEvent>> {
  const { principal, repository, tag, limit, after, before, since, digest } = request;
  await access.require(principal, 'pull', repository);
  const rows = await database.query<Row>(LIST, [
    ...[repository, tag, after ?? null, before ?? null, since ?? null, digest ?? null],
    limit + 1,
  ]);
  const { items, last } = cutPage(rows, limit, ({ position }) => position.toString());
  return { items: items.map(toEvent), last };
}

function toEvent({ deleted, index, ...row }: Row): TagEvent {
  return { ...row, event: deleted ? 'deleted' : 'created', index: index ?? undefined };
}
