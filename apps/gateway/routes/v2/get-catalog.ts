import type { Handler } from './exchange.ts';
import { parsePageQuery, setNextLink } from './pagination.ts';
import { sendJson } from './send-json.ts';

/** `GET /v2/_catalog` (Docker registry API): the repositories that the caller may pull, in byte order. */
export const getCatalog: Handler<'catalog'> = async ({ registry }, { principal, query, reply }) => {
  const { after, limit } = parsePageQuery(query);
  const { items, last } = await registry.listRepositories({ principal, after, limit });
  setNextLink(reply, { path: '/v2/_catalog', query, limit, last });
  return sendJson(reply, { repositories: items.map(({ name }) => name) });
};
