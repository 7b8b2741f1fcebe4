import type { Statement, Transaction } from '@dockchains/database';
import type { Digest, RepositoryName, Tag } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

import type { KnownManifest } from './lease-manifest.ts';
import type { PushFacts } from './push-records.ts';
import type { TagState } from './push-state.ts';
import type { Visibility } from './repositories.ts';
import { SHARED_LOCK } from './repository-lock.ts';
import { nameUnknown } from './unknown.ts';

/** A manifest whose bytes are durable, to be written to a repository, and the tags to point at it, in byte order. */
export interface Push {
  readonly facts: PushFacts;
  readonly repository: { readonly id: number; readonly name: RepositoryName };
  readonly tags: readonly Tag[];
  /** Returns if they may be pointed at it where these are there now. @throws AccessError */
  readonly requireRights: (tags: ReadonlyMap<Tag, TagState>) => void;
}

/** What a push found: it is written only if all is still so. */
export interface PushBase {
  readonly visibility: Visibility;
  /** Undefined if the repository does not have the manifest. */
  readonly known: KnownManifest | undefined;
  /** Those of the push's tags that there are. */
  readonly tags: ReadonlyMap<Tag, TagState>;
}

/**
 * While pushes keep coming, each of their statements begins at the earliest so many milliseconds behind the one before of its kind. At 500 a
 * second each would have one to itself otherwise, which is what a push then costs most.
 */
export const PUSH_PACE_MS = 5;

const LOCK_REPOSITORY: Statement = {
  name: 'registry_lock_repository_for_push',
  text: `SELECT r.visibility FROM ${SHARED_LOCK}, repository r WHERE r.id = $1 FOR KEY SHARE OF r`,
};
const LOCK_MANIFEST: Statement = {
  name: 'registry_lock_manifest_for_push',
  text: `SELECT record_id AS "recordId", has_references AS "hasReferences" FROM manifest
         WHERE repository_id = $1 AND digest = $2 FOR KEY SHARE`,
};
const LOCK_TAGS: Statement = {
  name: 'registry_lock_tags_for_push',
  text: `SELECT name, digest, record_id AS "recordId" FROM tag WHERE repository_id = $1 AND name = ANY($2)
         ORDER BY name FOR UPDATE`,
};

/**
 * Reads what a push is about and keeps it so until the transaction ends, apart from what is not there yet. The blobs' turn
 * comes behind, against the order of locks: whoever changes a blob's link waits for no manifest and no tag.
 * @throws OciError NAME_UNKNOWN if the repository is gone
 */
export async function lockPushBase(
  transaction: Transaction,
  { repository, facts: { digest }, tags }: Push,
): Promise<PushBase> {
  const [row] = await transaction.query<{ visibility: Visibility }>(LOCK_REPOSITORY, [repository.id]);
  if (row === undefined) throw nameUnknown(repository.name);
  const [known] = await transaction.query<KnownManifest>(LOCK_MANIFEST, [repository.id, digest]);
  const locked = await transaction.query<{ name: Tag; digest: Digest; recordId: RecordId }>(LOCK_TAGS, [
    ...[repository.id, tags],
  ]);
  const states = locked.map(({ name, ...state }): [Tag, TagState] => [name, state]);
  return { visibility: row.visibility, known, tags: new Map(states) };
}
