import type { Statement, Transaction } from '@dockchains/database';
import { type Digest, parseTag } from '@dockchains/oci';
import type { ManifestRecord } from '@dockchains/records';

import { leaseDeleted } from './replay-leases.ts';
import { setTag } from './set-tag.ts';
import { addTagEvent } from './tag-events.ts';

/** A record that tells of a manifest which is there from then on. */
export type PublishingRecord = Extract<ManifestRecord, { kind: 'manifest-published' | 'tag-set' }>;

/** Where a record is applied, and what the caller knows of it. */
export interface Application {
  readonly transaction: Transaction;
  readonly repositoryId: number;
  /** Whether newer changes of the tag and of the manifest are in the tables already: those stay. */
  readonly newer: { readonly tag: boolean; readonly manifest: boolean };
  /** Makes the manifest's row be there; false if it can't be. */
  readonly storeManifest: (record: PublishingRecord) => Promise<boolean>;
}

const FIND_MANIFEST: Statement = {
  name: 'registry_apply_find_manifest',
  text: 'SELECT FROM manifest WHERE repository_id = $1 AND digest = $2',
};
const DELETE_TAG: Statement = {
  name: 'registry_apply_delete_tag',
  text: 'DELETE FROM tag WHERE repository_id = $1 AND name = $2',
};
const DELETE_MANIFEST_TAGS: Statement = {
  name: 'registry_apply_delete_manifest_tags',
  text: 'DELETE FROM tag WHERE repository_id = $1 AND digest = $2',
};
const DELETE_MANIFEST: Statement = {
  name: 'registry_apply_delete_manifest',
  text: 'DELETE FROM manifest WHERE repository_id = $1 AND digest = $2',
};

/**
 * Applies a ledger's record to manifests, tags and their history: records come in ledger order, and a second time changes nothing. A tag whose
 * manifest can't be there is taken away, because what it named before is no longer so.
 */
export async function applyRecord(application: Application, record: ManifestRecord): Promise<void> {
  const { transaction, repositoryId, newer, storeManifest } = application;
  const { digest, recordId } = record;
  const at = new Date(record.time);
  switch (record.kind) {
    case 'manifest-published':
      if (!newer.manifest) await storeManifest(record);
      return;
    case 'tag-set': {
      const name = parseTag(record.tag);
      const { mediaType, size } = record;
      await addTagEvent(transaction, {
        ...{ repositoryId, tag: name, deleted: false, digest, mediaType, size, recordId, at },
      });
      if (newer.tag) return;
      const isThere = newer.manifest ? await hasManifest(application, digest) : await storeManifest(record);
      if (isThere) await setTag(transaction, { repositoryId, name, digest, recordId, at });
      else await transaction.query(DELETE_TAG, [repositoryId, name]);
      return;
    }
    case 'tag-deleted':
      await addTagEvent(transaction, {
        ...{ repositoryId, tag: record.tag, deleted: true, digest, recordId, at },
      });
      if (!newer.tag) await transaction.query(DELETE_TAG, [repositoryId, record.tag]);
      return;
    case 'manifest-deleted':
      if (newer.manifest) return;
      await leaseDeleted(transaction, repositoryId, digest);
      await transaction.query(DELETE_MANIFEST_TAGS, [repositoryId, digest]);
      await transaction.query(DELETE_MANIFEST, [repositoryId, digest]);
      return;
    case 'referrer-attached':
      // The manifest's own row holds its subject.
      return;
  }
}

async function hasManifest({ transaction, repositoryId }: Application, digest: Digest): Promise<boolean> {
  return (await transaction.query(FIND_MANIFEST, [repositoryId, digest])).length > 0;
}
