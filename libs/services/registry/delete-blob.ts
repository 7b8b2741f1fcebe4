import type { Statement } from '@dockchains/database';

import type { RegistryDeps } from './deps.ts';
import type { BlobRequest } from './get-blob.ts';
import { blobUnknown } from './unknown.ts';

const UNLINK: Statement = {
  name: 'registry_unlink_blob',
  text: `DELETE FROM repository_blob l USING repository r
         WHERE r.name = $1 AND l.repository_id = r.id AND l.digest = $2 RETURNING l.digest`,
};

/**
 * Takes a blob out of a repository, at once (distribution-spec, Deleting Blobs). Other repositories keep it.
 * @throws OciError BLOB_UNKNOWN; AccessError; LedgerError FROZEN
 */
export async function deleteBlob(deps: RegistryDeps, request: BlobRequest): Promise<void> {
  await deps.access.require(request.principal, 'delete', request.repository);
  deps.ledger.requireWritable();
  const rows = await deps.database.query(UNLINK, [request.repository, request.digest]);
  if (rows.length === 0) throw blobUnknown(request.digest);
}
