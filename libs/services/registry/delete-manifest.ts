import { immutableTag } from '@dockchains/access';
import type { Parameter, Statement } from '@dockchains/database';
import type { Ledger } from '@dockchains/ledger';
import type { Digest, ManifestReference, Tag } from '@dockchains/oci';
import type { LedgerRecord } from '@dockchains/records';

import { untilAcknowledged } from './acknowledge.ts';
import type { RegistryDeps } from './deps.ts';
import type { ManifestRequest } from './get-manifest.ts';
import { leaseUntil } from './lease.ts';
import { newRecordId } from './record-id.ts';
import { getRepository, type Visibility } from './repositories.ts';
import { SHARED_LOCK } from './repository-lock.ts';
import { retryConflicts } from './transact.ts';
import { manifestUnknown } from './unknown.ts';

const FIND_TAG: Statement = {
  name: 'registry_find_tag_to_delete',
  text: 'SELECT digest FROM tag WHERE repository_id = $1 AND name = $2',
};
const FIND_TAGS: Statement = {
  name: 'registry_find_tags_to_delete',
  text: `SELECT ARRAY(SELECT name FROM tag WHERE repository_id = $1 AND digest = $2 ORDER BY name) AS tags
         FROM manifest WHERE repository_id = $1 AND digest = $2`,
};
const DELETE_TAG: Statement = {
  name: 'registry_delete_tag',
  text: `SELECT delete_tag($1, $2, $3, $4, $5, $6, $7, $8, $9::text[], $10::bytea[], $11::bytea[])
         FROM ${SHARED_LOCK}`,
};
const DELETE_MANIFEST: Statement = {
  name: 'registry_delete_manifest',
  text: `SELECT delete_manifest($1, $2, $3, $4::text[], $5::text[], $6, $7, $8, $9, $10::text[], $11::bytea[],
           $12::bytea[]) FROM ${SHARED_LOCK}`,
};

/** What is deleted: one tag, or a manifest with all its tags in byte order. */
interface Doomed {
  readonly digest: Digest;
  readonly tags: readonly Tag[];
}

/**
 * Deletes a tag, or a manifest with all its tags, at once and on the record (distribution-spec, Deleting Manifests and
 * Deleting Tags). A tag's deletion leaves its manifest and that one's other tags. Immutable tags stay, and what they name.
 * @throws OciError NAME_UNKNOWN, MANIFEST_UNKNOWN, TOOMANYREQUESTS; AccessError; LedgerError FROZEN, BUSY, NOT_HELD
 */
export async function deleteManifest(deps: RegistryDeps, request: ManifestRequest): Promise<void> {
  const { principal, repository, reference } = request;
  await deps.access.require(principal, 'delete', repository);
  const { ledger, recordIds } = await retryConflicts(async () => {
    const found = await getRepository(deps.database, repository);
    const doomed = await findDoomed(deps, found.id, reference);
    const immutable = await deps.access.findImmutableTags(repository);
    const kept = doomed.tags.find((tag) => immutable.has(tag));
    if (kept !== undefined) throw immutableTag(repository, kept);
    return deleteDoomed(deps, request, { ...found, ...doomed });
  });
  ledger.wake();
  await untilAcknowledged(deps, ledger, recordIds);
}

async function findDoomed(
  { database }: RegistryDeps,
  repositoryId: number,
  reference: ManifestReference,
): Promise<Doomed> {
  if (reference.kind === 'tag') {
    const [found] = await database.query<{ digest: Digest }>(FIND_TAG, [repositoryId, reference.tag]);
    if (found !== undefined) return { digest: found.digest, tags: [reference.tag] };
  } else {
    const { digest } = reference;
    const [found] = await database.query<{ tags: Tag[] }>(FIND_TAGS, [repositoryId, digest]);
    if (found !== undefined) return { digest, tags: found.tags };
  }
  throw manifestUnknown(reference);
}

/** Deletes what is still as it was found, and gives the records of it; a serialisation failure says that it is not. */
async function deleteDoomed(
  deps: RegistryDeps,
  { principal, repository, reference }: ManifestRequest,
  { id, visibility, digest, tags }: Doomed & { id: number; visibility: Visibility },
): Promise<{ ledger: Ledger; recordIds: readonly string[] }> {
  const ledger = deps.ledgers.of(visibility);
  const at = deps.clock();
  const common = (): Omit<Extract<LedgerRecord, { kind: 'manifest-deleted' }>, 'kind'> => ({
    organisation: deps.organisation,
    repository,
    digest,
    recordId: newRecordId(deps.randomBytes),
    ...(principal.id !== undefined && { principal: principal.id }),
    time: at.toISOString(),
  });
  const deletion = reference.kind === 'tag' ? [] : [{ kind: 'manifest-deleted' as const, ...common() }];
  const tagRecords = tags.map((tag): LedgerRecord => ({ kind: 'tag-deleted', ...common(), tag }));
  const recordIds = tagRecords.map(({ recordId }) => recordId);
  const append = async (records: readonly LedgerRecord[]): Promise<Parameter[]> =>
    ledger.queueParameters(await ledger.prepare({ name: repository }, records));

  if (reference.kind === 'tag') {
    await deps.database.query(DELETE_TAG, [
      ...[id, visibility, reference.tag, digest, recordIds[0] ?? null, at],
      ...(await append(tagRecords)),
    ]);
  } else {
    await deps.database.query(DELETE_MANIFEST, [
      ...[id, visibility, digest, tags, recordIds, at, leaseUntil(deps)],
      ...(await append([...tagRecords, ...deletion])),
    ]);
  }
  return { ledger, recordIds: [...tagRecords, ...deletion].map(({ recordId }) => recordId) };
}
