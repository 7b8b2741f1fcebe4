import type { Readable } from '@dockchains/access';
import type { Queryable, Statement } from '@dockchains/database';

import { CatalogError } from './errors.ts';

/** A repository, own or another organisation's, as the ledger of its records tells of it. */
export interface CatalogRepository {
  readonly organisation: string;
  readonly name: string;
  readonly visibility: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A repository that a search has found. */
export interface FoundRepository extends CatalogRepository {
  /** Grows with how well it matches; the same for the same repository and text in every generation. */
  readonly score: number;
}

/** What to search for: the words of `text`, in the repositories of one organisation if it is given. */
export interface SearchRequest {
  readonly text: string;
  readonly organisation?: string;
  /** The place behind which to go on: of an item that this search has given. */
  readonly after?: { readonly score: number; readonly organisation: string; readonly name: string };
  readonly limit: number;
}

/** A page of a search, and how many match in all: MAX_MATCHES stands for so many or more. */
export type SearchPage = { readonly items: readonly FoundRepository[]; readonly matches: number };

/** Whose rights, and which ledgers may be shown. */
export type SearchScope = {
  readonly readable: Readable;
  /** Our own organisation, whose repositories have rows of their own that know better. */
  readonly own: string;
  readonly origins: readonly string[];
};

/** Most matches that are counted and ranked. */
export const MAX_MATCHES = 1_000;

const MAX_CHARACTERS = 256;
const MAX_WORDS = 8;
// A shorter beginning stands for too many words.
const MIN_PREFIX = 3;

const IS_SHOWN = `c.generation = (SELECT generation FROM catalog_generation WHERE state = 'serving')
             AND c.origin = ANY($4::text[]) AND ($5::text IS NULL OR c.organisation = $5)`;
// What the catalog says may be older than its ledger's last word: an own repository that was made private a moment ago is.
const IS_PUBLIC = `c.visibility = 'public' AND CASE WHEN c.organisation = $3
             THEN (SELECT r.visibility FROM repository r WHERE r.name = c.name) = 'public' ELSE true END`;
const IS_READABLE = `c.visibility <> 'public' AND c.name ~ ANY($6::text[]) AND c.name ~ ANY($7::text[])
             AND (SELECT r.visibility FROM repository r WHERE r.name = c.name) <> 'public'`;
// Read out of a subquery, so that no plan is made for the words of one search.
const HAS_WORDS = `c.document @@ (SELECT to_tsquery('simple', $1))`;
const HAS_TEXT = `c.name LIKE (SELECT '%' || $2 || '%')`;

const candidates = (condition: string, isVisible: string): string =>
  `(SELECT c.id FROM catalog_repository c WHERE ${condition} AND ${IS_SHOWN} AND ${isVisible} LIMIT ${MAX_MATCHES})`;

const statementOf = (name: string, visible: readonly string[]): Statement => {
  const scans = visible.flatMap((isVisible) => [
    candidates(HAS_WORDS, isVisible),
    candidates(HAS_TEXT, isVisible),
  ]);
  const [score, organisation, from] = [6, 7, 8].map(
    (position) => `$${position + (visible.length > 1 ? 2 : 0)}`,
  );
  const limit = visible.length > 1 ? '$11' : '$9';
  return {
    name,
    text: `WITH matched AS MATERIALIZED (${scans.join(' UNION ')} LIMIT ${MAX_MATCHES}),
           scored AS (
             SELECT c.organisation, c.name, c.visibility, c.created_at AS "createdAt", c.updated_at AS "updatedAt",
               (CASE WHEN c.name = $2 THEN 4000000 WHEN right(c.name, length($2) + 1) = '/' || $2 THEN 3000000
                  WHEN starts_with(c.name, $2) THEN 2000000 ELSE 0 END
                + round(1000000 * ts_rank(c.document, to_tsquery('simple', $1), 1))
                + 255 - length(c.name))::integer AS score
             FROM matched m JOIN catalog_repository c ON c.id = m.id),
           page AS (
             SELECT s.* FROM scored s
             WHERE ${score}::integer IS NULL OR s.score < ${score} OR (s.score = ${score}
               AND (s.organisation, s.name) > (${organisation}::text COLLATE "C", ${from}::text COLLATE "C"))
             ORDER BY s.score DESC, s.organisation, s.name LIMIT ${limit})
         SELECT page.*, (SELECT count(*)::integer FROM matched) AS matches FROM (SELECT) AS one LEFT JOIN page ON true
         ORDER BY page.score DESC, page.organisation, page.name`,
  };
};

/** For those who see what is public: nothing else is looked at. */
const SEARCH_PUBLIC = statementOf('catalog_search_public', [IS_PUBLIC]);
const SEARCH_ALL = statementOf('catalog_search_readable', [IS_PUBLIC, IS_READABLE]);

/**
 * Searches names, organisations and source addresses. What the caller may not read is passed over before anything is capped, counted or ranked.
 * @throws CatalogError BAD_QUERY if the text is longer than 256 characters, or has no word or more than 8
 */
export async function searchRepositories(
  database: Queryable,
  { readable, own, origins }: SearchScope,
  { text, organisation, after, limit }: SearchRequest,
): Promise<SearchPage> {
  const { query, literal } = parseQuery(text);
  const { policies, scopes } = readable;
  const seesMore = policies.length > 0 && scopes.length > 0;
  const rows = await database.query<SearchRow>(seesMore ? SEARCH_ALL : SEARCH_PUBLIC, [
    ...[query, literal, own, origins, organisation ?? null],
    ...(seesMore ? [policies, scopes] : []),
    ...[after?.score ?? null, after?.organisation ?? null, after?.name ?? null, limit],
  ]);
  const items = rows.flatMap(({ matches: _, score, ...found }) =>
    score === null ? [] : [{ ...found, score }],
  );
  return { items, matches: rows[0]?.matches ?? 0 };
}

/** Without a page there is one row all the same, which says how many match. */
type SearchRow = CatalogRepository & { readonly score: number | null; readonly matches: number };

/** The words as a tsquery, each but the shortest as a beginning; and the text as it may stand within a name, null where it is too short for an index. */
function parseQuery(text: string): { query: string; literal: string | null } {
  const lower = text.toLowerCase();
  const words = lower.match(/[\p{L}\p{N}]+/gu) ?? [];
  if (text.length > MAX_CHARACTERS || words.length === 0 || words.length > MAX_WORDS) {
    throw new CatalogError(
      'BAD_QUERY',
      `Search for 1 to ${MAX_WORDS} words, ${MAX_CHARACTERS} characters in all: letters and digits.`,
    );
  }
  const query = words.map((word) => (word.length < MIN_PREFIX ? word : `${word}:*`)).join(' & ');
  const literal = /^[a-z0-9./-]*[a-z0-9]{3}[a-z0-9./-]*$/.test(lower) ? lower : null;
  return { query, literal };
}
