/** What one request may ask for at most. */
export const LIMITS = {
  /** Bytes of the request's body. */
  bodyBytes: 64 * 1024,
  /** Lexical tokens of the document. */
  tokens: 2_000,
  /** Fields inside fields; introspection has graphql-js's own limit. */
  depth: 15,
  aliases: 50,
  directives: 20,
  /** See cost.ts: about the number of values in the largest answer. */
  cost: 5_000,
  /** Items of one page of a connection. */
  pageItems: 100,
  /** From the request's arrival until its unfinished fields are answered with TIMEOUT. */
  timeoutMs: 10_000,
} as const;
