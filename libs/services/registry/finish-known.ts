import { digestAlgorithm, OciError } from '@dockchains/oci';

import { commitBlob } from './commit-blob.ts';
import type { RegistryDeps } from './deps.ts';
import type { FinishUpload } from './finish-upload.ts';
import type { ShortChunk } from './hold-chunk.ts';
import { USUAL_ALGORITHM } from './upload-file.ts';

/**
 * Ends an upload whose bytes this gateway has in memory, where the statement that leases their digest finds that the row holds as many,
 * which are then the same: a row's bytes are only ever added to. False, with nothing written, where it is to be asked what the row holds.
 * @throws OciError BLOB_UPLOAD_INVALID with status 503; AccessError; BlobStoreError
 */
export async function finishKnown(
  deps: RegistryDeps,
  { principal, repository, id, digest, start }: FinishUpload,
  { bytes: last, failure }: ShortChunk,
): Promise<boolean> {
  const held = deps.heldBytes.find(id);
  if (held === undefined || failure !== undefined) return false;
  if (start !== undefined && start !== held.length) return false;
  const { judgedWrites, uploadWrites, clock } = deps;
  const ending = { id, repository, principalId: principal.id, received: held.length, digest };
  const changed = new Error('The upload is not as this gateway knew it.');
  const lease = async (until: Date): Promise<number> => {
    const row = await judgedWrites.push({ principal, repository }, (known) =>
      uploadWrites.lease({ ...ending, at: clock(), until, known }),
    );
    if (row === undefined || row.repositoryId === null) throw changed;
    return row.repositoryId;
  };
  const bytes = last.length === 0 ? held : Buffer.concat([held, last]);
  try {
    await commitBlob(deps, { id, bytes, lease }, digest);
  } catch (error) {
    const isOther = error === changed || (error instanceof OciError && error.code === 'DIGEST_INVALID');
    if (!isOther) throw error;
    deps.heldBytes.forget(id);
    return false;
  }
  deps.heldBytes.forget(id);
  // Of the others the session has begun with a file; whatever else leaves one, the sweep gets it.
  if (digestAlgorithm(digest) !== USUAL_ALGORITHM) await deps.blobs.cancelUpload(id).catch(() => false);
  return true;
}
