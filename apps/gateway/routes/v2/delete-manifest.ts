import { parseManifestReference } from '@dockchains/oci';

import type { Handler } from './exchange.ts';

/** `DELETE /v2/<name>/manifests/<reference>`: a tag alone, or a manifest with its tags (distribution-spec, Content Management). */
export const deleteManifest: Handler<'manifest'> = async ({ registry }, { principal, target, reply }) => {
  const reference = parseManifestReference(target.reference);
  await registry.deleteManifest({ principal, repository: target.repository, reference });
  return reply.code(202).send();
};
