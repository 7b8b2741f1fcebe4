import type { Statement, Transaction } from '@dockchains/database';
import type { Ledger } from '@dockchains/ledger';
import type { Digest, RepositoryName, Tag } from '@dockchains/oci';
import type { LedgerRecord, RecordId } from '@dockchains/records';

/** A repository that is put on record anew, as it is, in the transaction that has it locked. */
export interface Retelling {
  readonly transaction: Transaction;
  readonly repository: { readonly id: number; readonly name: RepositoryName };
  readonly ledger: Ledger;
  /** Gives what all its records have in common, and an id of their own. */
  readonly common: () => CommonFacts;
}

/** What the records of a retelling have in common. */
export interface CommonFacts {
  readonly organisation: string;
  readonly repository: RepositoryName;
  readonly recordId: RecordId;
  readonly principal?: string;
  readonly time: string;
}

interface ManifestFacts {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

type ManifestRow = ManifestFacts & {
  subject: Digest | null;
  artifactType: string | null;
  source: string | null;
};
type TagRow = ManifestFacts & { name: Tag };

// Records that are sealed and sent at once.
const PAGE = 500;
const MAX_SOURCE_CHARACTERS = 2048;

const LIST_MANIFESTS: Statement = {
  name: 'registry_retell_list_manifests',
  text: `SELECT digest, media_type AS "mediaType", size, subject, artifact_type AS "artifactType",
           annotations->>'org.opencontainers.image.source' AS source
         FROM manifest WHERE repository_id = $1 AND digest > $2 ORDER BY digest LIMIT ${PAGE}`,
};
const SET_MANIFESTS: Statement = {
  name: 'registry_retell_manifests',
  text: `UPDATE manifest m SET record_id = n.record_id FROM unnest($2::text[], $3::text[]) AS n (digest, record_id)
         WHERE m.repository_id = $1 AND m.digest = n.digest`,
};
const LIST_TAGS: Statement = {
  name: 'registry_retell_list_tags',
  text: `SELECT t.name, m.digest, m.media_type AS "mediaType", m.size
         FROM tag t JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
         WHERE t.repository_id = $1 AND t.name > $2 ORDER BY t.name LIMIT ${PAGE}`,
};
const SET_TAGS: Statement = {
  name: 'registry_retell_tags',
  text: `UPDATE tag t SET record_id = n.record_id FROM unnest($2::text[], $3::text[]) AS n (name, record_id)
         WHERE t.repository_id = $1 AND t.name = n.name`,
};

/** Puts the manifests on record, with their subjects; gives how many. */
export async function recordManifests(retelling: Retelling): Promise<number> {
  const { transaction, repository, common } = retelling;
  let told = 0;
  for (let after: string | undefined = ''; after !== undefined;) {
    const rows: ManifestRow[] = await transaction.query<ManifestRow>(LIST_MANIFESTS, [repository.id, after]);
    const published = rows.map((row) => describe(row, common()));
    const attached = rows.flatMap(({ digest, subject, artifactType }): LedgerRecord[] => {
      if (subject === null) return [];
      const type = artifactType === null ? {} : { artifactType };
      return [{ kind: 'referrer-attached', ...common(), ...type, digest, referrerOf: subject }];
    });
    await append(retelling, [...published, ...attached]);
    await transaction.query(SET_MANIFESTS, [
      repository.id,
      rows.map(({ digest }) => digest),
      published.map(({ recordId }) => recordId),
    ]);
    told += rows.length;
    after = rows.at(-1)?.digest;
  }
  return told;
}

/** Puts the tags on record as they stand; gives how many. Their history has no event of it: they do not move. */
export async function recordTags(retelling: Retelling): Promise<number> {
  const { transaction, repository, common } = retelling;
  let told = 0;
  for (let after: string | undefined = ''; after !== undefined;) {
    const rows: TagRow[] = await transaction.query<TagRow>(LIST_TAGS, [repository.id, after]);
    const records = rows.map(({ name, ...facts }): LedgerRecord => ({
      ...{ kind: 'tag-set', ...common(), ...facts, tag: name },
    }));
    await append(retelling, records);
    await transaction.query(SET_TAGS, [
      repository.id,
      rows.map(({ name }) => name),
      records.map(({ recordId }) => recordId),
    ]);
    told += rows.length;
    after = rows.at(-1)?.name;
  }
  return told;
}

function describe(
  { digest, mediaType, size, artifactType, source }: ManifestRow,
  common: CommonFacts,
): LedgerRecord {
  return {
    ...{ kind: 'manifest-published', ...common, digest, mediaType, size },
    ...(artifactType !== null && { artifactType }),
    ...(source !== null && source.length <= MAX_SOURCE_CHARACTERS && { source }),
  };
}

async function append(
  { transaction, repository, ledger }: Retelling,
  records: readonly LedgerRecord[],
): Promise<void> {
  if (records.length > 0) await ledger.append(transaction, await ledger.prepare(repository, records));
}
