import type { Statement } from '@dockchains/database';

import type { RegistryDeps } from './deps.ts';
import { type BlobRequest, findStored, type StoredBlob } from './get-blob.ts';
import { DEFAULT_LEASE_SECONDS, leaseUntil } from './lease.ts';
import { blobUnknown } from './unknown.ts';

const KEEP: Statement = {
  name: 'registry_keep_content',
  text: 'SELECT keep_content($1, $2, $3) AS kept',
};

/**
 * Gets a blob without its bytes, as a client does that asks what it still has to upload. Who may push there relies on the
 * answer, so that a lease that is half over begins anew; for readers, and for what a manifest needs, nothing is written.
 * @throws OciError NAME_UNKNOWN, BLOB_UNKNOWN; AccessError
 */
export async function keepBlob(deps: RegistryDeps, request: BlobRequest): Promise<StoredBlob> {
  const { stored, rights, repositoryId, leasedUntil } = await findStored(deps, request);
  if (leasedUntil === undefined || !rights.can('push')) return stored;
  const { clock, database, leaseSeconds = DEFAULT_LEASE_SECONDS } = deps;
  if (leasedUntil.getTime() - clock().getTime() > (leaseSeconds * 1000) / 2) return stored;
  const [row] = await database.query<{ kept: boolean }>(KEEP, [
    ...[repositoryId, request.digest, leaseUntil(deps)],
  ]);
  if (row?.kept === true) return stored;
  throw blobUnknown(request.digest);
}
