import { buildReferrersIndex, OCI_IMAGE_INDEX, OciError, parseDigest } from '@dockchains/oci';

import { ageHeaders } from './age-headers.ts';
import type { Handler } from './exchange.ts';
import { parsePageQuery, setNextLink } from './pagination.ts';

const MAX_ARTIFACT_TYPE = 255;

/** `GET /v2/<name>/referrers/<digest>` (distribution-spec, Listing Referrers). */
export const listReferrers: Handler<'referrers'> = async (
  { registry, mirroring },
  { principal, target, query, reply },
) => {
  const { repository } = target;
  const subject = parseDigest(target.digest);
  const artifactType = query.get('artifactType') ?? '';
  if (artifactType.length > MAX_ARTIFACT_TYPE || artifactType.includes('\0')) {
    throw new OciError('UNSUPPORTED', 'The parameter "artifactType" is no media type.', { status: 400 });
  }
  const { after, limit } = parsePageQuery(query);
  const filter = artifactType === '' ? {} : { artifactType };
  const { list: page, freshness } = await mirroring.readList(repository, () =>
    registry.listReferrers({ principal, repository, subject, after, limit, ...filter }),
  );
  void reply.headers(ageHeaders(freshness));
  setNextLink(reply, { path: `/v2/${repository}/referrers/${subject}`, query, limit, last: page.last });
  if (artifactType !== '') void reply.header('oci-filters-applied', 'artifactType');
  return reply.header('content-type', OCI_IMAGE_INDEX).send(buildReferrersIndex(page.items));
};
