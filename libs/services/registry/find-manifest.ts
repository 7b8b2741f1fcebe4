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

/** What a reference leads to: `repository` undefined if there is none of the name, `manifest` likewise. */
interface FoundManifest {
  readonly repositoryId: number | undefined;
  readonly manifest: ManifestRow | undefined;
}

/** Finds what a tag or digest of a repository names now. */
export type ManifestLookup = (
  repository: RepositoryName,
  reference: ManifestReference,
) => Promise<FoundManifest>;

const FIND: Statement = {
  name: 'registry_find_manifests',
  text: `SELECT r.id AS "repositoryId", m.digest, m.media_type AS "mediaType", m.size,
           COALESCE(t.record_id, m.record_id) AS "recordId", COALESCE(t.updated_at, m.published_at) AS "publishedAt"
         FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS w(repository, tag, digest, ordinal)
         LEFT JOIN repository r ON r.name = w.repository
         LEFT JOIN tag t ON t.repository_id = r.id AND t.name = w.tag
         LEFT JOIN manifest m ON m.repository_id = r.id AND m.digest = COALESCE(w.digest, t.digest)
         ORDER BY w.ordinal`,
};

type Row = { repositoryId: number | null; digest: Digest | null } & Omit<ManifestRow, 'digest'>;

type Wanted = { repository: RepositoryName; reference: ManifestReference };

/** Opens the look-up of manifests: one statement at a time, shared by the requests that wait for it. */
export function openManifestLookup(database: Queryable): ManifestLookup {
  const find = shareLookups<Wanted, FoundManifest>(async (wanted) => {
    const rows = await database.query<Row>(FIND, [
      wanted.map(({ repository }) => repository),
      wanted.map(({ reference }) => (reference.kind === 'tag' ? reference.tag : null)),
      wanted.map(({ reference }) => (reference.kind === 'digest' ? reference.digest : null)),
    ]);
    return rows.map(({ repositoryId, digest, ...rest }) => ({
      repositoryId: repositoryId ?? undefined,
      manifest: digest === null ? undefined : { digest, ...rest },
    }));
  });
  return (repository, reference) => find({ repository, reference });
}
