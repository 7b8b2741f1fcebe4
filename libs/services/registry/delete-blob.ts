import type { Statement } from '@dockchains/database';
import { OciError } from '@dockchains/oci';

import type { RegistryDeps } from './deps.ts';
import type { BlobRequest } from './get-blob.ts';
import { leaseUntil } from './lease.ts';
import { blobUnknown } from './unknown.ts';

const UNLINK: Statement = {
  name: 'registry_unlink_content',
  text: 'SELECT unlink_content($1, $2, $3) AS outcome',
};

/**
 * Takes a blob out of a repository, at once (distribution-spec, Deleting Blobs). Other repositories keep it, and so does a
 * repository of which a manifest needs it.
 * @throws OciError BLOB_UNKNOWN, UNSUPPORTED while a manifest needs it; AccessError; LedgerError FROZEN
 */
export async function deleteBlob(deps: RegistryDeps, request: BlobRequest): Promise<void> {
  const { principal, repository, digest } = request;
  await deps.access.require(principal, 'delete', repository);
  deps.ledger.requireWritable();
  const [row] = await deps.database.query<{ outcome: 'taken' | 'needed' | 'unknown' }>(UNLINK, [
    ...[repository, digest, leaseUntil(deps)],
  ]);
  if (row?.outcome === 'taken') return;
  if (row?.outcome !== 'needed') throw blobUnknown(digest);
  throw new OciError(
    'UNSUPPORTED',
    'A manifest of the repository needs this blob: delete that manifest, and the blob goes by itself.',
    { detail: { digest } },
  );
}
