import type { Freshness } from '@dockchains/federation';
import { parseManifestReference } from '@dockchains/oci';

import { type Handler, headerOf } from './exchange.ts';

const STALE_SECONDS = 60;

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
  if (manifest.freshness !== undefined) void reply.headers(ageHeaders(manifest.freshness));
  if (matches(headerOf(request, 'if-none-match'), etag)) return reply.code(304).send();

  void reply.headers({ 'content-type': manifest.mediaType, 'content-length': String(manifest.size) });
  return request.method === 'HEAD' ? reply.send() : reply.send(await manifest.read());
};

/** How old a mirrored tag may be (RFC 9111 §5.1), and past a minute a word about it (distribution-spec, Warnings). */
function ageHeaders({ ageSeconds }: Freshness): Record<string, string> {
  if (ageSeconds === undefined)
    return { warning: '299 - "The origin has not been reached yet: tags may have moved."' };
  const age = { age: String(ageSeconds) };
  if (ageSeconds < STALE_SECONDS) return age;
  return {
    ...age,
    warning: `299 - "The origin has not been reached for ${ageSeconds} s: tags may have moved."`,
  };
}

/** RFC 9110 §13.1.2, weak comparison. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => ['*', etag].includes(part.trim().replace(/^W\//, '')));
}
