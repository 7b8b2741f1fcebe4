import type { Statement, Transaction } from '@dockchains/database';

import type { ArtifactChange, Changes } from './fold.ts';

/** Where changes go: the rows of one ledger in one generation. */
export type Target = {
  readonly generation: number;
  readonly origin: string;
  readonly organisation: string;
};

const WITHDRAW: Statement = {
  name: 'catalog_withdraw',
  text: `WITH gone AS (
           DELETE FROM catalog_repository WHERE generation = $1 AND origin = $2 AND name = ANY($3::text[]) RETURNING id
         ), tags AS (DELETE FROM catalog_tag WHERE repository_id IN (SELECT id FROM gone))
         DELETE FROM catalog_artifact WHERE repository_id IN (SELECT id FROM gone)`,
};
const UPSERT_REPOSITORIES: Statement = {
  name: 'catalog_upsert_repositories',
  text: `INSERT INTO catalog_repository
           (generation, origin, organisation, name, visibility, source, created_at, updated_at, updated_index)
         SELECT $1, $2, $3, n.name, $4, n.source, n.first, n.last, n.index
         FROM unnest($5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[], $9::bigint[])
           AS n(name, source, first, last, index)
         ON CONFLICT (generation, origin, name) DO UPDATE
           SET source = COALESCE(EXCLUDED.source, catalog_repository.source),
               updated_at = EXCLUDED.updated_at, updated_index = EXCLUDED.updated_index
         RETURNING id, name`,
};
const DELETE_MANIFESTS: Statement = {
  name: 'catalog_delete_manifests',
  text: `WITH gone AS (SELECT * FROM unnest($1::bigint[], $2::text[]) AS n(id, digest)),
         tags AS (DELETE FROM catalog_tag t USING gone WHERE t.repository_id = gone.id AND t.digest = gone.digest)
         DELETE FROM catalog_artifact a USING gone WHERE a.repository_id = gone.id AND a.digest = gone.digest`,
};
const DELETE_TAGS: Statement = {
  name: 'catalog_delete_tags',
  text: `DELETE FROM catalog_tag t USING unnest($1::bigint[], $2::text[]) AS n(id, name)
         WHERE t.repository_id = n.id AND t.name = n.name`,
};
const COLUMNS = `repository_id, digest, media_type, artifact_type, size, subject, source, "index", record_id, published_at`;
const ROWS = `SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
           $8::bigint[], $9::text[], $10::timestamptz[])`;
const UPSERT_ARTIFACTS: Statement = {
  name: 'catalog_upsert_artifacts',
  text: `INSERT INTO catalog_artifact (${COLUMNS}) ${ROWS}
         ON CONFLICT (repository_id, digest) DO UPDATE
           SET media_type = EXCLUDED.media_type, artifact_type = EXCLUDED.artifact_type, size = EXCLUDED.size,
               subject = COALESCE(EXCLUDED.subject, catalog_artifact.subject), source = EXCLUDED.source,
               "index" = EXCLUDED."index", record_id = EXCLUDED.record_id, published_at = EXCLUDED.published_at`,
};
const MENTION_ARTIFACTS: Statement = {
  name: 'catalog_mention_artifacts',
  text: `INSERT INTO catalog_artifact (${COLUMNS}) ${ROWS} ON CONFLICT (repository_id, digest) DO NOTHING`,
};
const SET_SUBJECTS: Statement = {
  name: 'catalog_set_subjects',
  text: `UPDATE catalog_artifact a SET subject = n.subject
         FROM unnest($1::bigint[], $2::text[], $3::text[]) AS n(id, digest, subject)
         WHERE a.repository_id = n.id AND a.digest = n.digest`,
};
const UPSERT_TAGS: Statement = {
  name: 'catalog_upsert_tags',
  text: `INSERT INTO catalog_tag (repository_id, name, digest, "index", record_id, updated_at)
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[])
         ON CONFLICT (repository_id, name) DO UPDATE
           SET digest = EXCLUDED.digest, "index" = EXCLUDED."index", record_id = EXCLUDED.record_id,
               updated_at = EXCLUDED.updated_at`,
};
// A repository that holds nothing is in no list.
const DELETE_EMPTY: Statement = {
  name: 'catalog_delete_empty_repositories',
  text: `DELETE FROM catalog_repository c WHERE c.id = ANY($1::bigint[])
           AND NOT EXISTS (SELECT FROM catalog_artifact a WHERE a.repository_id = c.id)`,
};

/** Applies what a run of entries changes, in the caller's transaction; one at a time of a ledger in a generation. */
export async function applyChanges(
  transaction: Transaction,
  target: Target,
  changes: Changes,
): Promise<void> {
  const { generation, origin } = target;
  if (changes.withdrawn.size > 0)
    await transaction.query(WITHDRAW, [generation, origin, [...changes.withdrawn]]);
  if (changes.repositories.size === 0) return;
  const ids = await upsertRepositories(transaction, target, changes);
  const idsOf = (rows: readonly { readonly name: string }[]): bigint[] => rows.map(({ name }) => ids(name));

  const { deletedManifests, deletedTags, artifacts, mentioned, subjects, tags } = changes;
  /** Leaves out a statement that would do nothing. */
  const run = async (
    statement: Statement,
    rows: readonly { readonly name: string }[],
    ...columns: Column[]
  ) => {
    if (rows.length > 0) await transaction.query(statement, [idsOf(rows), ...columns]);
  };
  await run(
    DELETE_MANIFESTS,
    deletedManifests,
    deletedManifests.map(({ digest }) => digest),
  );
  await run(
    DELETE_TAGS,
    deletedTags,
    deletedTags.map(({ tag }) => tag),
  );
  await run(
    SET_SUBJECTS,
    subjects,
    subjects.map(({ digest }) => digest),
    subjects.map(({ subject }) => subject),
  );
  await run(UPSERT_ARTIFACTS, artifacts, ...columnsOf(artifacts));
  await run(MENTION_ARTIFACTS, mentioned, ...columnsOf(mentioned));
  await run(
    UPSERT_TAGS,
    tags,
    ...[tags.map(({ tag }) => tag), tags.map(({ digest }) => digest), tags.map(({ index }) => index)],
    ...[tags.map(({ recordId }) => recordId), tags.map(({ at }) => at)],
  );
  const emptied = [...new Set(idsOf([...deletedManifests, ...deletedTags, ...subjects]))];
  if (emptied.length > 0) await transaction.query(DELETE_EMPTY, [emptied]);
}

type Column = readonly (string | bigint | number | Date | null)[];

async function upsertRepositories(
  transaction: Transaction,
  { generation, origin, organisation }: Target,
  { repositories }: Changes,
): Promise<(name: string) => bigint> {
  const all = [...repositories.values()];
  const rows = await transaction.query<{ id: bigint; name: string }>(UPSERT_REPOSITORIES, [
    ...[generation, origin, organisation, /\/public(?:\/[0-9]+)?$/.test(origin) ? 'public' : 'private'],
    ...[all.map(({ name }) => name), all.map(({ source }) => source ?? null)],
    ...[all.map(({ first }) => first), all.map(({ last }) => last), all.map(({ index }) => index)],
  ]);
  const ids = new Map(rows.map(({ id, name }) => [name, id]));
  return (name) => {
    const id = ids.get(name);
    if (id === undefined) throw new Error('The catalog gave a repository no id.');
    return id;
  };
}

function columnsOf(artifacts: readonly ArtifactChange[]): Column[] {
  return [
    artifacts.map(({ digest }) => digest),
    artifacts.map(({ mediaType }) => mediaType),
    artifacts.map(({ artifactType }) => artifactType ?? null),
    artifacts.map(({ size }) => size),
    artifacts.map(({ subject }) => subject ?? null),
    artifacts.map(({ source }) => source ?? null),
    artifacts.map(({ index }) => index),
    artifacts.map(({ recordId }) => recordId),
    artifacts.map(({ at }) => at),
  ];
}
