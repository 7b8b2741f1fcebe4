import type { Readable } from '@dockchains/access';
import type { Database, Statement } from '@dockchains/database';

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
// The index of names knows groups of three letters.
const MIN_INDEXED = 3;

const IS_SHOWN = `c.generation = (SELECT generation FROM catalog_generation WHERE state = 'serving')
           AND c.origin = ANY($4::text[]) AND ($5::text IS NULL OR c.organisation = $5)`;
// What the catalog says may be older than its ledger's last word: an own repository that was made private a moment ago is.
const IS_PUBLIC = `c.visibility = 'public' AND CASE WHEN c.organisation = $3
           THEN (SELECT r.visibility FROM repository r WHERE r.name = c.name) = 'public' ELSE true END`;
const IS_READABLE = `c.visibility <> 'public' AND c.name ~ ANY($10::text[]) AND c.name ~ ANY($11::text[])
           AND (SELECT r.visibility FROM repository r WHERE r.name = c.name) <> 'public'`;
const HAS_WORDS = `c.document @@ to_tsquery('simple', $1)`;

// Whether the words of this search are common decides which index is walked; for keys, one plan does for all.
const PLAN_ANEW: Statement = {
  name: 'catalog_plan_anew',
  text: 'SET LOCAL plan_cache_mode = force_custom_plan',
};

const candidates = (condition: string, isVisible: string): string =>
  `(SELECT c.id FROM catalog_repository c WHERE ${condition} AND ${IS_SHOWN} AND ${isVisible}
    ORDER BY c.created_at DESC LIMIT ${MAX_MATCHES})`;

/** Newest candidates first, by words and by parts of names; each scan ends when it has enough that the caller may see. */
function statementOf(parts: number, seesMore: boolean): Statement {
  const visible = seesMore ? [IS_PUBLIC, IS_READABLE] : [IS_PUBLIC];
  const first = seesMore ? 12 : 10;
  const patterns = Array.from({ length: parts }, (_, position) => `c.name LIKE $${first + position}`);
  const conditions = parts === 0 ? [HAS_WORDS] : [HAS_WORDS, patterns.join(' AND ')];
  const scans = visible.flatMap((isVisible) =>
    conditions.map((condition) => candidates(condition, isVisible)),
  );
  return {
    name: `catalog_search_${seesMore ? 'readable' : 'public'}_${parts}`,
    text: `WITH matched AS MATERIALIZED (
             SELECT id FROM (${scans.join(' UNION ')}) AS m LIMIT ${MAX_MATCHES}),
           scored AS (
             SELECT c.organisation, c.name, c.visibility, c.created_at AS "createdAt", c.updated_at AS "updatedAt",
               (CASE WHEN c.name = $2 THEN 4000000 WHEN right(c.name, length($2) + 1) = '/' || $2 THEN 3000000
                  WHEN starts_with(c.name, $2) THEN 2000000 ELSE 0 END
                + round(1000000 * ts_rank(c.document, to_tsquery('simple', $1), 1))
                + 255 - length(c.name))::integer AS score
             FROM matched m JOIN catalog_repository c ON c.id = m.id),
           page AS (
             SELECT s.* FROM scored s
             WHERE $6::integer IS NULL OR s.score < $6 OR (s.score = $6
               AND (s.organisation, s.name) > ($7::text COLLATE "C", $8::text COLLATE "C"))
             ORDER BY s.score DESC, s.organisation, s.name LIMIT $9)
         SELECT page.*, (SELECT count(*)::integer FROM matched) AS matches FROM (SELECT) AS one LEFT JOIN page ON true
         ORDER BY page.score DESC, page.organisation, page.name`,
  };
}

/**
 * Searches for whole words of names, organisations and source addresses, and for parts of names. What the caller may not read is passed
 * over before anything is capped, counted or ranked; who sees what is public alone causes no look at anything else.
 * @throws CatalogError BAD_QUERY if the text is longer than 256 characters, or has no word or more than 8
 */
export async function searchRepositories(
  database: Pick<Database, 'transaction'>,
  { readable, own, origins }: SearchScope,
  { text, organisation, after, limit }: SearchRequest,
): Promise<SearchPage> {
  const words = parseWords(text);
  const seesMore = readable.policies.length > 0 && readable.scopes.length > 0;
  const parts = words.some((word) => word.length >= MIN_INDEXED) ? words : [];
  const parameters = [
    ...[words.join(' & '), text.toLowerCase(), own, origins, organisation ?? null],
    ...[after?.score ?? null, after?.organisation ?? null, after?.name ?? null, limit],
    ...(seesMore ? [readable.policies, readable.scopes] : []),
    ...parts.map((word) => `%${word}%`),
  ];
  const rows = await database.transaction(async (transaction) => {
    await transaction.query(PLAN_ANEW);
    return transaction.query<SearchRow>(statementOf(parts.length, seesMore), parameters);
  });
  const items = rows.flatMap(({ matches: _, score, ...found }) =>
    score === null ? [] : [{ ...found, score }],
  );
  return { items, matches: rows[0]?.matches ?? 0 };
}

/** Without a page there is one row all the same, which says how many match. */
type SearchRow = CatalogRepository & { readonly score: number | null; readonly matches: number };

/** Letters and digits in a row: nothing in them means anything to a tsquery or to LIKE. */
function parseWords(text: string): readonly string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  if (text.length <= MAX_CHARACTERS && words.length > 0 && words.length <= MAX_WORDS) return words;
  throw new CatalogError(
    'BAD_QUERY',
    `Search for 1 to ${MAX_WORDS} words, ${MAX_CHARACTERS} characters in all: letters and digits.`,
  );
}
