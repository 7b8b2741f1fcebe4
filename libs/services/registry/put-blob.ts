import type { ByteSource } from '@dockchains/blobs';
import { digestAlgorithm } from '@dockchains/oci';

import { commitBlob, leaseIn } from './commit-blob.ts';
import type { RegistryDeps } from './deps.ts';
import type { BlobRequest } from './get-blob.ts';
import { brokenOff, receiveChunk } from './receive-chunk.ts';
import { ensureRepository, getVisibility } from './repositories.ts';
import { transact } from './transact.ts';
import { MAX_HELD_BYTES } from './hold-chunk.ts';

/** A blob whole, in one request. */
export interface PutBlob extends BlobRequest {
  readonly source: ByteSource;
}

/**
 * Stores a blob that comes in one request (distribution-spec, Single POST). It has no session: what goes wrong leaves
 * nothing, and a file that a crash leaves is swept.
 * @throws OciError DENIED, DIGEST_INVALID, SIZE_INVALID, BLOB_UPLOAD_INVALID; AccessError; LedgerError FROZEN;
 *   BlobStoreError
 */
export async function putBlob(deps: RegistryDeps, request: PutBlob): Promise<void> {
  const { principal, repository, digest, source } = request;
  await deps.access.require(principal, 'push', repository);
  deps.ledger.requireWritable();
  const visibility = await getVisibility(deps, repository);
  const id = deps.randomBytes(16).toString('hex');
  const lease = leaseIn(deps, digest, () =>
    transact(deps.database, (transaction) => ensureRepository(transaction, repository, visibility)),
  );

  const short = await deps.blobs.receiveShort(source, MAX_HELD_BYTES);
  if ('bytes' in short) {
    const { bytes, failure } = short;
    if (failure !== undefined) throw brokenOff({ total: bytes.length, failure });
    await commitBlob(deps, { id, bytes, lease }, digest);
    return;
  }
  await deps.blobs.createUpload(id, digestAlgorithm(digest));
  try {
    const received = await receiveChunk(
      deps.blobs,
      { id, received: 0 },
      { head: short.head, source: short.rest },
    );
    if (received.failure !== undefined) throw brokenOff(received);
    await commitBlob(deps, { id, lease }, digest);
  } catch (error) {
    await deps.blobs.cancelUpload(id).catch(() => false); // the sweep gets it
    throw error;
  }
}
