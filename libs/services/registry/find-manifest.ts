import { FACTS_COLUMNS, FACTS_JOINS, type FactsRow, type Principal } from '@dockchains/access';
import { type Queryable, shareLookups, type Statement } from '@dockchains/database';
import type { Digest, ManifestReference, RepositoryName } from '@dockchains/oci';
import type { RecordId } from '@dockchains/records';

/** A manifest as the database knows it. */
export interface ManifestRow {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the manifest itself. */
  readonly size: number;
  /** Of the tag's last move if the reference was a tag, else of the publication. */
  readonly recordId: RecordId;
  /** When that record was made, by the gateway's clock. */
  readonly publishedAt: Date;
}

/**
 * What a reference leads to: `repositoryId` undefined if there is none of the name, `manifest` likewise; and the facts by
 * which to decide whether the principal may know.
 */
interface FoundManifest {
  readonly facts: FactsRow;
  readonly repositoryId: number | undefined;
  readonly manifest: ManifestRow | undefined;
}

/** Finds what a tag or digest of a repository names now. The caller judges the facts first. */
export type ManifestLookup = (
  principal: Principal,
  repository: RepositoryName,
  reference: ManifestReference,
) => Promise<FoundManifest>;

const FIND: Statement = {
  name: 'registry_find_manifests',
  text: `SELECT ${FACTS_COLUMNS}, r.id AS "repositoryId", m.digest, m.media_type AS "mediaType", m.size,
           COALESCE(t.record_id, m.record_id) AS "recordId", COALESCE(t.updated_at, m.published_at) AS "publishedAt"
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
           WITH ORDINALITY AS w(principal, repository, tag, digest, ordinal)
         ${FACTS_JOINS}
         LEFT JOIN LATERAL (
           SELECT digest, record_id, updated_at FROM tag WHERE repository_id = r.id AND name = w.tag LIMIT 1) AS t ON true
         LEFT JOIN LATERAL (
           SELECT digest, media_type, size, record_id, published_at FROM manifest
           WHERE repository_id = r.id AND digest = COALESCE(w.digest, t.digest) LIMIT 1) AS m ON true
         ORDER BY w.ordinal`,
};

type Row = FactsRow & { repositoryId: number | null; digest: Digest | null } & Omit<ManifestRow, 'digest'>;

type Wanted = { principalId: string | null; repository: RepositoryName; reference: ManifestReference };

/** Opens the look-up of manifests: one statement at a time, shared by the requests that wait for it. */
export function openManifestLookup(database: Queryable): ManifestLookup {
  const find = shareLookups<Wanted, FoundManifest>({
    // A tag has no colon, a digest has one.
    identify: ({ principalId, repository, reference }) =>
      `${principalId ?? ''} ${repository} ${reference.kind === 'tag' ? reference.tag : reference.digest}`,
    async lookUpAll(wanted) {
      const rows = await database.query<Row>(FIND, [
        wanted.map(({ principalId }) => principalId),
        wanted.map(({ repository }) => repository),
        wanted.map(({ reference }) => (reference.kind === 'tag' ? reference.tag : null)),
        wanted.map(({ reference }) => (reference.kind === 'digest' ? reference.digest : null)),
      ]);
      return rows.map((row) => ({
        facts: row,
        repositoryId: row.repositoryId ?? undefined,
        manifest: row.digest === null ? undefined : readManifest(row, row.digest),
      }));
    },
  });
  return ({ id }, repository, reference) => find({ principalId: id ?? null, repository, reference });
}

const readManifest = ({ mediaType, size, recordId, publishedAt }: Row, digest: Digest): ManifestRow => ({
  ...{ digest, mediaType, size, recordId, publishedAt },
});
