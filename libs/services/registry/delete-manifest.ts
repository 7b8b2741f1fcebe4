import type { Statement } from '@dockchains/database';
import type { Digest, Tag } from '@dockchains/oci';
import type { LedgerRecord } from '@dockchains/records';

import type { RegistryDeps } from './deps.ts';
import type { ManifestRequest } from './get-manifest.ts';
import { newRecordId } from './record-id.ts';
import { findRepository } from './repositories.ts';
import { transact } from './transact.ts';
import { manifestUnknown, nameUnknown } from './unknown.ts';

const LOCK_MANIFEST: Statement = {
  name: 'registry_lock_manifest_for_delete',
  text: 'SELECT digest FROM manifest WHERE repository_id = $1 AND digest = $2 FOR UPDATE',
};
const LOCK_TAGS: Statement = {
  name: 'registry_lock_tags_of_manifest',
  text: 'SELECT name FROM tag WHERE repository_id = $1 AND digest = $2 ORDER BY name FOR UPDATE',
};
const DELETE_TAGS: Statement = {
  name: 'registry_delete_tags_of_manifest',
  text: 'DELETE FROM tag WHERE repository_id = $1 AND digest = $2',
};
const DELETE_MANIFEST: Statement = {
  name: 'registry_delete_manifest',
  text: 'DELETE FROM manifest WHERE repository_id = $1 AND digest = $2',
};
const DELETE_TAG: Statement = {
  name: 'registry_delete_tag',
  text: 'DELETE FROM tag WHERE repository_id = $1 AND name = $2 RETURNING digest',
};

/**
 * Deletes a tag, or a manifest with all its tags, at once and on the record (distribution-spec, Deleting Manifests and
 * Deleting Tags). A tag's deletion leaves its manifest and that one's other tags.
 * @throws OciError NAME_UNKNOWN, MANIFEST_UNKNOWN; AccessError; LedgerError FROZEN
 */
export async function deleteManifest(deps: RegistryDeps, request: ManifestRequest): Promise<void> {
  const { principal, repository, reference } = request;
  await deps.access.require(principal, 'delete', repository);
  const found = await findRepository(deps.database, repository);
  if (found === undefined) throw nameUnknown(repository);
  await transact(deps.database, async (transaction) => {
    if (reference.kind === 'tag') {
      const [tag] = await transaction.query<{ digest: Digest }>(DELETE_TAG, [found.id, reference.tag]);
      if (tag === undefined) throw manifestUnknown(reference);
      await deps.ledger.append(transaction, [tagDeleted(deps, request, tag.digest, reference.tag)]);
      return;
    }
    const { digest } = reference;
    // The same order as a push: the manifest, its tags by name, then the queue.
    const locked = await transaction.query(LOCK_MANIFEST, [found.id, digest]);
    if (locked.length === 0) throw manifestUnknown(reference);
    const tags = await transaction.query<{ name: Tag }>(LOCK_TAGS, [found.id, digest]);
    await transaction.query(DELETE_TAGS, [found.id, digest]);
    await transaction.query(DELETE_MANIFEST, [found.id, digest]);
    await deps.ledger.append(transaction, [
      ...tags.map(({ name }) => tagDeleted(deps, request, digest, name)),
      { kind: 'manifest-deleted', ...commonOf(deps, request, digest) },
    ]);
  });
  deps.ledger.wake();
}

function tagDeleted(deps: RegistryDeps, request: ManifestRequest, digest: Digest, tag: Tag): LedgerRecord {
  return { kind: 'tag-deleted', ...commonOf(deps, request, digest), tag };
}

function commonOf(deps: RegistryDeps, { principal, repository }: ManifestRequest, digest: Digest) {
  return {
    organisation: deps.organisation,
    repository,
    digest,
    recordId: newRecordId(deps.randomBytes),
    ...(principal.id !== undefined && { principal: principal.id }),
    time: deps.clock().toISOString(),
  };
}
