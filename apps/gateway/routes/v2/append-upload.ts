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
    deps.registry.appendUpload({ principal, repository, id, source: request.raw, ...boundsOf(request) }),
  );
  return reply
    .code(202)
    .headers(uploadHeaders(repository, id, received))
    .send();
};

/**
 * Where a request says that its chunk begins, and how long its body is (RFC 9112 §6.3: a request without a length has none unless it comes in
 * chunks). The chunk's end is not read: some clients send it off by one.
 */
export function boundsOf(request: FastifyRequest): { start?: number; length?: number } {
  const { headers } = request;
  const range = headerOf(request, 'content-range');
  return {
    ...(range !== undefined && { start: parseContentRange(range).start }),
    ...(headers['transfer-encoding'] === undefined && { length: Number(headers['content-length'] ?? '0') }),
  };
}
