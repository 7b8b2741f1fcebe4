import { OCI_IMAGE_INDEX, OciError, parseDigest, parseTag } from '@dockchains/oci';
import type { TagEvent } from '@dockchains/registry';

import { ageHeaders } from './age-headers.ts';
import type { Handler } from './exchange.ts';
import { parsePageQuery, setNextLink } from './pagination.ts';
import { sendJson } from './send-json.ts';

// RFC 3339 §5.6, of years that PostgreSQL and JavaScript both know.
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const POSITION = /^[1-9]\d{0,17}$/;

/**
 * `GET /v2/<name>/_oci/tag-history/<tag>` (distribution-spec, pull request 606): `n`, `before`, `since`, `digest`. The link
 * to the next page goes on by `last`, a position, since several events may share a millisecond.
 */
export const listTagHistory: Handler<'tag-history'> = async (
  { registry, mirroring },
  { principal, target, query, reply },
) => {
  const { repository } = target;
  const tag = parseTag(target.tag);
  const { after, limit } = parsePageQuery(query);
  const digest = query.get('digest');
  const wanted = {
    ...{ principal, repository, tag, limit },
    ...(after !== '' && { after: parsePosition(after) }),
    ...timeOf(query, 'before'),
    ...timeOf(query, 'since'),
    ...(digest !== null && { digest: parseDigest(digest) }),
  };
  const { list: page, freshness } = await mirroring.readList(repository, () =>
    registry.listTagHistory(wanted),
  );
  void reply.headers(ageHeaders(freshness));
  const path = `/v2/${repository}/_oci/tag-history/${tag}`;
  setNextLink(reply, { path, query, limit, last: page.last });
  const manifests = page.items.map(toDescriptor);
  return sendJson(reply, { schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests }, OCI_IMAGE_INDEX);
};

function toDescriptor({ event, digest, mediaType, size, recordId, index, at }: TagEvent) {
  return {
    ...{ mediaType, size, digest },
    annotations: {
      'org.opencontainers.distribution.tag.timestamp': at.toISOString(),
      'org.opencontainers.distribution.tag.event': event,
      'org.dockchains.record': recordId,
      ...(index !== undefined && { 'org.dockchains.index': index.toString() }),
    },
  };
}

function timeOf<Name extends 'before' | 'since'>(
  query: URLSearchParams,
  name: Name,
): Partial<Record<Name, Date>> {
  const text = query.get(name);
  if (text === null) return {};
  const time = new Date(TIMESTAMP.test(text) ? text : Number.NaN);
  if (Number.isNaN(time.getTime())) {
    throw new OciError('UNSUPPORTED', `The parameter "${name}" must be a time as RFC 3339 writes it.`, {
      status: 400,
    });
  }
  return { [name]: time } as Partial<Record<Name, Date>>;
}

function parsePosition(text: string): bigint {
  if (POSITION.test(text)) return BigInt(text);
  throw new OciError(
    'UNSUPPORTED',
    'The parameter "last" must be one that a "Link" of this list has given.',
    {
      status: 400,
    },
  );
}
