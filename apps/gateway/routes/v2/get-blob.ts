import type { OpenBlob } from '@dockchains/blobs';
import { VIA } from '@dockchains/federation';
import { findOrganisation, OciError, parseDigest, parseRange } from '@dockchains/oci';
import type { FastifyReply } from 'fastify';

import { type Handler, headerOf } from './exchange.ts';

/** `GET` and `HEAD /v2/<name>/blobs/<digest>`, whole or a range (distribution-spec, Pulling blobs; RFC 9110 §14). */
export const getBlob: Handler<'blob'> = async (
  { registry, mirroring },
  { principal, target, request, reply },
) => {
  const { repository } = target;
  const wanted = { principal, repository, digest: parseDigest(target.digest) };
  const isHead = request.method === 'HEAD';
  const isOwn = findOrganisation(repository) === undefined;
  const blob = await (isHead && isOwn
    ? registry.keepBlob(wanted)
    : mirroring.getBlob({ ...wanted, local: headerOf(request, VIA) !== undefined }));
  void reply.headers({
    'docker-content-digest': blob.digest,
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag: `"${blob.digest}"`,
  });
  const range = isHead ? { status: 'full' as const } : parseRange(headerOf(request, 'range'), blob.size);
  switch (range.status) {
    case 'full':
      void reply.header('content-length', String(blob.size));
      if (isHead) return reply.send();
      await sendBlob(reply, await blob.open());
      return reply;
    case 'partial':
      void reply.code(206).headers({
        'content-range': `bytes ${range.start}-${range.end}/${blob.size}`,
        'content-length': String(range.end - range.start + 1),
      });
      await sendBlob(reply, await blob.open(range));
      return reply;
    case 'unsatisfiable':
      void reply.header('content-range', `bytes */${blob.size}`);
      throw new OciError('SIZE_INVALID', `The blob has ${blob.size} bytes: ask for one range within them.`, {
        status: 416,
      });
  }
};

/** Past Fastify, whose streams have no way to say that a piece has been sent. What fails now can only cut the answer off. */
async function sendBlob(reply: FastifyReply, opened: OpenBlob): Promise<void> {
  await using blob = opened;
  const { raw: response, log, request } = reply.hijack();
  for (const [name, value = ''] of Object.entries(reply.getHeaders())) response.setHeader(name, value);
  response.statusCode = reply.statusCode;
  try {
    if (await blob.sendTo(response)) response.end();
    else response.destroy();
  } catch (error) {
    log.error({ err: error, requestId: request.id }, 'blob cut off');
    response.destroy();
  }
}
