import type { Handler } from './exchange.ts';
import { uploadHeaders } from './upload-headers.ts';

/** `GET /v2/<name>/blobs/uploads/<id>`: how far an upload is (distribution-spec, Pushing a blob in chunks). */
export const getUpload: Handler<'upload'> = async ({ registry }, { principal, target, reply }) => {
  const { repository, id } = target;
  const { received } = await registry.getUpload({ principal, repository, id });
  return reply
    .code(204)
    .headers(uploadHeaders(repository, id, received))
    .send();
};
