import type { Statement } from '@dockchains/database';

import type { RegistryDeps } from './deps.ts';
import { type UploadRequest, withUpload } from './uploads.ts';

const DELETE: Statement = { name: 'registry_delete_upload', text: 'DELETE FROM upload WHERE id = $1' };

/**
 * Drops an upload and what it received (distribution-spec main, Cancelling an upload). The row goes first: a file without
 * one is swept.
 * @throws OciError BLOB_UPLOAD_UNKNOWN, BLOB_UPLOAD_INVALID (416: another request is at it); AccessError
 */
export function cancelUpload(deps: RegistryDeps, request: UploadRequest): Promise<void> {
  return withUpload(deps, request, async ({ id }) => {
    deps.heldBytes.forget(id);
    await deps.database.query(DELETE, [id]);
    await deps.blobs.cancelUpload(id);
  });
}
