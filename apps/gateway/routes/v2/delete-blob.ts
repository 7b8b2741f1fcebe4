import { parseDigest } from '@dockchains/oci';

import type { Handler } from './exchange.ts';

/** `DELETE /v2/<name>/blobs/<digest>` (distribution-spec, Deleting Blobs). */
export const deleteBlob: Handler<'blob'> = async ({ registry }, { principal, target, reply }) => {
  await registry.deleteBlob({ principal, repository: target.repository, digest: parseDigest(target.digest) });
  return reply.code(202).send();
};
