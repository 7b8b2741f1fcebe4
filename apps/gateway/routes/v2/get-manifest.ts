import { parseManifestReference } from '@dockchains/oci';

import { ageHeaders } from './age-headers.ts';
import { type Handler, headerOf } from './exchange.ts';

/**
 * `GET` and `HEAD /v2/<name>/manifests/<reference>` (distribution-spec, Pulling manifests). What is stored is served as
 * it is, whatever `Accept` says: a client can't pull by a digest what was converted.
 */
export const getManifest: Handler<'manifest'> = async (
  { mirroring },
  { principal, target, request, reply },
) => {
  const { repository } = target;
  const reference = parseManifestReference(target.reference);
  const manifest = await mirroring.getManifest({ principal, repository, reference });
  const etag = `"${manifest.digest}"`;
  void reply.headers({ 'docker-content-digest': manifest.digest, etag });
  void reply.headers(ageHeaders(manifest.freshness));
  if (matches(headerOf(request, 'if-none-match'), etag)) return reply.code(304).send();

  void reply.headers({ 'content-type': manifest.mediaType, 'content-length': String(manifest.size) });
  return request.method === 'HEAD' ? reply.send() : reply.send(await manifest.read());
};

/** RFC 9110 §13.1.2, weak comparison. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => ['*', etag].includes(part.trim().replace(/^W\//, '')));
}
