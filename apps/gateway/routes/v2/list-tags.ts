import { ageHeaders } from './age-headers.ts';
import type { Handler } from './exchange.ts';
import { parsePageQuery, setNextLink } from './pagination.ts';
import { sendJson } from './send-json.ts';

/** `GET /v2/<name>/tags/list` (distribution-spec, Listing Tags). */
export const listTags: Handler<'tags'> = async (
  { registry, mirroring },
  { principal, target, query, reply },
) => {
  const { repository } = target;
  const { after, limit } = parsePageQuery(query);
  const { list, freshness } = await mirroring.readList(repository, () =>
    registry.listTagNames({ principal, repository, after, limit }),
  );
  const { items, last } = list;
  void reply.headers(ageHeaders(freshness));
  setNextLink(reply, { path: `/v2/${repository}/tags/list`, query, limit, last });
  return sendJson(reply, { name: repository, tags: items });
};
