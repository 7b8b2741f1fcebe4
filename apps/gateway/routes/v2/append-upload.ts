import { parseContentRange } from '@dockchains/oci';
import type { FastifyRequest } from 'fastify';

import { type Handler, headerOf } from './exchange.ts';
import { uploadHeaders, withRangeOnConflict } from './upload-headers.ts';

/**
 * `PATCH /v2/<name>/blobs/uploads/<id>`: a chunk with its Content-Range, or a stream without one (distribution-spec,
 * Pushing a blob in chunks).
 */
export const appendUpload: Handler<'upload'> = async (deps, exchange) => {
  const { principal, target, request, reply } = exchange;
  const { repository, id } = target;
  const received = await withRangeOnConflict(deps, exchange, () =>
    deps.registry.appendUpload({ principal, repository, id, source: request.raw, ...startOf(request) }),
  );
  return reply
    .code(202)
    .headers(uploadHeaders(repository, id, received))
    .send();
};

/** Where a request says that its chunk begins. Its end is not read: some clients send it off by one. */
export function startOf(request: FastifyRequest): { start?: number } {
  const header = headerOf(request, 'content-range');
  return header === undefined ? {} : { start: parseContentRange(header).start };
}
