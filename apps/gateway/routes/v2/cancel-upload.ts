import type { Handler } from './exchange.ts';

/** `DELETE /v2/<name>/blobs/uploads/<id>` (distribution-spec main, Cancelling an upload). */
export const cancelUpload: Handler<'upload'> = async ({ registry }, { principal, target, reply }) => {
  const { repository, id } = target;
  await registry.cancelUpload({ principal, repository, id });
  return reply.code(204).send();
};
