import { OciError, parseDigest } from '@dockchains/oci';

import { boundsOf } from './append-upload.ts';
import type { Handler } from './exchange.ts';
import { blobHeaders } from './start-upload.ts';
import { withRangeOnConflict } from './upload-headers.ts';

/** `PUT /v2/<name>/blobs/uploads/<id>?digest=`: ends an upload, with a last chunk or none (distribution-spec, Pushing blobs). */
export const finishUpload: Handler<'upload'> = async (deps, exchange) => {
  const { principal, target, query, request, reply } = exchange;
  const { repository, id } = target;
  const sent = query.get('digest');
  if (sent === null) throw new OciError('DIGEST_INVALID', 'The parameter "digest" is missing.');
  const digest = parseDigest(sent);
  await withRangeOnConflict(deps, exchange, () =>
    deps.registry.finishUpload({
      principal,
      repository,
      id,
      digest,
      source: request.raw,
      ...boundsOf(request),
    }),
  );
  return reply.code(201).headers(blobHeaders(repository, digest)).send();
};
