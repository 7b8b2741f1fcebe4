import { type DigestAlgorithm, isDigestAlgorithm, keptName, OciError, parseDigest } from '@dockchains/oci';

import type { GatewayDeps } from '../../deps.ts';
import { findRepositoryName } from '../../v2-path.ts';
import type { Exchange, Handler } from './exchange.ts';
import { uploadHeaders } from './upload-headers.ts';

/**
 * `POST /v2/<name>/blobs/uploads/`: begins an upload, or takes a whole blob (`?digest=`), or links another repository's
 * (`?mount=`, falling back to an upload; distribution-spec, Pushing blobs).
 */
export const startUpload: Handler<'uploads'> = async ({ registry, config }, exchange) => {
  const { principal, target, query, request, reply } = exchange;
  const { repository } = target;
  const mount = query.get('mount');
  if (mount !== null && (await mountBlob({ registry, config }, exchange, mount))) return reply;

  const closing = query.get('digest');
  if (closing === null) {
    const id = await registry.startUpload({ principal, repository, ...algorithmOf(query) });
    return reply
      .code(202)
      .headers(uploadHeaders(repository, id, 0))
      .send();
  }
  const digest = parseDigest(closing);
  await registry.putBlob({ principal, repository, digest, source: request.raw });
  return reply.code(201).headers(blobHeaders(repository, digest)).send();
};

/** The headers that answer a blob which is now in the repository. */
export function blobHeaders(repository: string, digest: string): Record<string, string> {
  return { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest };
}

async function mountBlob(
  { registry, config }: Pick<GatewayDeps, 'registry' | 'config'>,
  { principal, target, query, reply }: Exchange<'uploads'>,
  mount: string,
): Promise<boolean> {
  const { repository } = target;
  const digest = parseDigest(mount);
  const from = findRepositoryName(query.get('from'));
  // A name that no repository of ours has, such as one of another registry: the client uploads then.
  if (from === undefined && query.get('from') !== null) return false;
  const source = from === undefined ? {} : { from: keptName(from, config.organisation) };
  if (!(await registry.mountBlob({ principal, repository, digest, ...source }))) return false;
  void reply.code(201).headers(blobHeaders(repository, digest)).send();
  return true;
}

function algorithmOf(query: URLSearchParams): { algorithm?: DigestAlgorithm } {
  const algorithm = query.get('digest-algorithm');
  if (algorithm === null) return {};
  if (isDigestAlgorithm(algorithm)) return { algorithm };
  throw new OciError('DIGEST_INVALID', 'The digest algorithm must be sha256 or sha512.');
}
