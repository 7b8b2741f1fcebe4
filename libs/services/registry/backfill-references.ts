import { BlobStoreError } from '@dockchains/blobs';
import type { Queryable, Statement } from '@dockchains/database';
import { type Digest, MAX_MANIFEST_BYTES, OciError, parseManifest } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';

/** How a backfill went: manifests whose references have rows now, and those whose bytes could not be read. */
export interface Backfilled {
  readonly manifests: number;
  readonly unreadable: number;
}

const PAGE = 100;

const IS_COMPLETE: Statement = {
  name: 'registry_references_complete',
  text: 'SELECT NOT EXISTS (SELECT FROM manifest WHERE NOT has_references) AS complete',
};
const LIST: Statement = {
  name: 'registry_list_without_references',
  text: `SELECT repository_id AS "repositoryId", digest, media_type AS "mediaType" FROM manifest
         WHERE NOT has_references AND (repository_id, digest) > ($1, $2)
         ORDER BY repository_id, digest LIMIT ${PAGE}`,
};
const WRITE: Statement = {
  name: 'registry_backfill_references',
  text: `UPDATE manifest SET has_references = true, needs = $3::text[]
         WHERE repository_id = $1 AND digest = $2 AND NOT has_references`,
};

interface Row {
  readonly repositoryId: number;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** Whether what each stored manifest needs has rows; until then nothing may be collected. */
export async function referencesComplete(database: Queryable): Promise<boolean> {
  const [row] = await database.query<{ complete: boolean }>(IS_COMPLETE);
  return row?.complete === true;
}

/**
 * Writes the rows of what manifests of earlier versions need, out of their bytes. Each manifest is done for itself, so it
 * goes on where it was stopped, and several gateways may run it. Manifests that can't be read are left, and with them
 * collection waits: push them again, or delete them.
 * @throws BlobStoreError IO
 */
export async function backfillReferences({ database, blobs }: RegistryDeps): Promise<Backfilled> {
  let [manifests, unreadable] = [0, 0];
  let after: { readonly repositoryId: number; readonly digest: string } | undefined = {
    repositoryId: 0,
    digest: '',
  };
  while (after !== undefined) {
    const rows: Row[] = await database.query<Row>(LIST, [after.repositoryId, after.digest]);
    for (const row of rows) {
      const required = await readRequired(blobs, row);
      if (required === undefined) unreadable += 1;
      else {
        await database.query(WRITE, [row.repositoryId, row.digest, required]);
        manifests += 1;
      }
    }
    after = rows.at(-1);
  }
  return { manifests, unreadable };
}

async function readRequired(
  blobs: RegistryDeps['blobs'],
  { digest, mediaType }: Row,
): Promise<Digest[] | undefined> {
  try {
    const manifest = parseManifest(await blobs.read(digest, MAX_MANIFEST_BYTES), mediaType);
    return [...manifest.requiredBlobs, ...manifest.requiredManifests];
  } catch (error) {
    const isUnreadable =
      error instanceof OciError || (error instanceof BlobStoreError && error.code === 'BLOB_UNKNOWN');
    if (isUnreadable) return undefined;
    throw error;
  }
}
