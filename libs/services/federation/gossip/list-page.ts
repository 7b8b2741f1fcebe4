/** A page of a list: so many, from behind a key on. */
export type ListPage = {
  /** The key of the last one that is known; its first word is a time. */
  readonly after?: string | undefined;
  readonly limit?: number;
};

const MAX_LISTED = 1_000;
const BEFORE_ALL = '-infinity';

/** Gives the words of the key that a page begins behind, and how many it has at most; a time that is none fails in the database. */
export function readPage({ after = BEFORE_ALL, limit = MAX_LISTED }: ListPage = {}): {
  readonly after: readonly string[];
  readonly limit: number;
} {
  return { after: after.split(' '), limit: Math.min(limit, MAX_LISTED) };
}

/** SQL: whether a row is of the log whose origin has the SHA-256 `$1`, in hexadecimal. Rows are few, one for each log or a peer of it. */
export const IS_OF_HASH = "encode(sha256(convert_to(origin, 'UTF8')), 'hex') = $1";
