import { MAX_MANIFEST_BYTES, OciError, parseManifestReference, parseTag } from '@dockchains/oci';

import { readBody } from '../../read-body.ts';
import { type Handler, headerOf } from './exchange.ts';

// The specification asks for ten at least (distribution-spec main, Pushing manifests with tags).
const MAX_TAGS = 100;

/**
 * `PUT /v2/<name>/manifests/<reference>` (distribution-spec, Pushing Manifests). Beyond the specification the answer names
 * the ledger's record and carries the receipt.
 */
export const putManifest: Handler<'manifest'> = async (
  { registry },
  { principal, target, query, request, reply },
) => {
  const { repository } = target;
  const reference = parseManifestReference(target.reference);
  const tags = query.getAll('tag').map(parseTag);
  if (tags.length > MAX_TAGS) {
    throw new OciError('UNSUPPORTED', `A push may set at most ${MAX_TAGS} tags.`, { status: 414 });
  }
  const stored = await registry.putManifest({
    ...{ principal, repository, reference, tags, contentType: headerOf(request, 'content-type') },
    readBytes: () => readBody(request.raw, MAX_MANIFEST_BYTES),
  });

  void reply.headers({
    location: `/v2/${repository}/manifests/${stored.digest}`,
    'docker-content-digest': stored.digest,
    'dockchains-record': stored.recordId,
    ...(stored.receipt !== undefined && { 'dockchains-receipt': stored.receipt }),
    ...(stored.subject !== undefined && { 'oci-subject': stored.subject }),
  });
  if (tags.length > 0) void reply.header('oci-tag', stored.tags);
  return reply.code(201).send();
};
