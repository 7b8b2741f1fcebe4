import {
  type Access,
  FACTS_COLUMNS,
  FACTS_JOINS,
  type FactsRow,
  IMMUTABLE_COLUMN,
  immutableTag,
  type ImmutableTags,
  type Principal,
  type Rights,
} from '@dockchains/access';
import { type Queryable, shareLookups, type Statement } from '@dockchains/database';
import type { Digest, RepositoryName, Tag } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import { PUSH_PACE_MS } from './push-base.ts';
import type { Visibility } from './repositories.ts';

/** Where a tag points, and the record of its last move. */
export interface TagState {
  readonly digest: Digest;
  readonly recordId: RecordId;
}

/** What a push rests on before its body is read. */
export interface PushState {
  readonly rights: Rights;
  /** Undefined if there is no repository of the name. */
  readonly visibility: Visibility | undefined;
  readonly immutable: ImmutableTags;
  /** Those of the wanted tags that there are. */
  readonly tags: ReadonlyMap<Tag, TagState>;
}

/** Whose push, where to, and to which tags. */
export interface PushTarget {
  readonly principal: Principal;
  readonly repository: RepositoryName;
  readonly tags: readonly Tag[];
}

/** Reads the state of a push; never older than the call. */
export type PushLookup = (target: PushTarget) => Promise<PushState>;

const READ: Statement = {
  name: 'registry_read_push_state',
  text: `SELECT ${FACTS_COLUMNS}, ${IMMUTABLE_COLUMN}, t.digest, t.record_id AS "recordId"
         FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS w(principal, repository, tag, ordinal)
         ${FACTS_JOINS}
         LEFT JOIN LATERAL (SELECT digest, record_id FROM tag WHERE repository_id = r.id AND name = w.tag LIMIT 1) AS t ON true
         ORDER BY w.ordinal`,
};

type Wanted = { principalId: string | null; repository: RepositoryName; tag: Tag | null };
type Row = FactsRow & { immutableRules: readonly string[]; digest: Digest | null; recordId: RecordId };

/** Opens the look-up: one statement at a time, shared by the pushes that wait for it, with a row for each tag. */
export function openPushLookup({ database, access }: { database: Queryable; access: Access }): PushLookup {
  const find = shareLookups<Wanted, Row>({
    paceMs: PUSH_PACE_MS,
    identify: ({ principalId, repository, tag }) => `${principalId ?? ''} ${repository} ${tag ?? ''}`,
    lookUpAll: (wanted) =>
      database.query<Row>(READ, [
        wanted.map(({ principalId }) => principalId),
        wanted.map(({ repository }) => repository),
        wanted.map(({ tag }) => tag),
      ]),
  });
  return async ({ principal, repository, tags }) => {
    const place = { principalId: principal.id ?? null, repository };
    const [first, ...rest] = await Promise.all([
      find({ ...place, tag: tags[0] ?? null }),
      ...tags.slice(1).map((tag) => find({ ...place, tag })),
    ]);
    const rows = [first, ...rest];
    return {
      rights: access.judge(principal, repository, first),
      visibility: (first.visibility ?? undefined) as Visibility | undefined,
      immutable: access.judgeTags(repository, first.immutableRules),
      tags: new Map(
        tags.flatMap((tag, index) => {
          const { digest, recordId } = rows[index] ?? first;
          return digest === null ? [] : [[tag, { digest, recordId }] as const];
        }),
      ),
    };
  };
}

/**
 * Returns if the tags may be pointed at the digest: `tag:create` for those that are not there, `tag:move` for those that
 * point elsewhere, and nobody moves an immutable one. A tag that points there already asks for nothing.
 * @throws AccessError
 */
export function requireTagRights(
  { rights, immutable, tags }: PushState,
  { repository, tags: wanted, digest }: Pick<PushTarget, 'repository' | 'tags'> & { digest: Digest },
): void {
  for (const tag of wanted) {
    const there = tags.get(tag);
    if (there === undefined) rights.require('tag:create');
    else if (there.digest !== digest) {
      rights.require('tag:move');
      if (immutable.has(tag)) throw immutableTag(repository, tag);
    }
  }
}
