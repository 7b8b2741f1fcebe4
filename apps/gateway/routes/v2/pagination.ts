import { OciError } from '@dockchains/oci';
import type { FastifyReply } from 'fastify';

/** What a client asks of a paged list: the key to go on after, and how many at most. */
export interface PageQuery {
  readonly after: string;
  readonly limit: number;
}

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;
const MAX_KEY = 512;

/**
 * Reads `n` and `last` (distribution-spec, Listing Tags); more than 10,000 are never given at once.
 * @throws OciError UNSUPPORTED with status 400
 */
export function parsePageQuery(query: URLSearchParams): PageQuery {
  const n = query.get('n');
  const after = query.get('last') ?? '';
  if ((n !== null && !/^\d{1,15}$/.test(n)) || after.length > MAX_KEY || after.includes('\0')) {
    throw new OciError('UNSUPPORTED', 'The parameter "n" must be a number, and "last" a key of the list.', {
      status: 400,
    });
  }
  return { after, limit: n === null ? DEFAULT_LIMIT : Math.min(Number(n), MAX_LIMIT) };
}

/** Sets the Link header to the next page (RFC 8288), if there is one; the path's other parameters stay. */
export function setNextLink(
  reply: FastifyReply,
  {
    path,
    query,
    limit,
    last,
  }: { path: string; query: URLSearchParams; limit: number; last: string | undefined },
): void {
  if (last === undefined || limit === 0) return;
  const next = new URLSearchParams(query);
  if (query.has('n')) next.set('n', String(limit));
  next.set('last', last);
  void reply.header('link', `<${path}?${next.toString()}>; rel="next"`);
}
