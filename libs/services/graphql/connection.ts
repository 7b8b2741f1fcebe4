import { encodeCursor, parseCursor } from './cursor.ts';
import { ApiError } from './errors.ts';
import { LIMITS } from './limits.ts';

/** The arguments of every connection, as the schema has them. */
export type PageArgs = { readonly first: number; readonly after?: string | null };

/** A page of a list (Relay Cursor Connections), `nodes` without the cursors. */
export type Connection<Node> = {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[];
  readonly nodes: readonly Node[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | undefined;
    readonly endCursor: string | undefined;
  };
};

/** A list that is ordered by a key. */
export type KeyedList<Node> = {
  /** Says which list it is: its cursors are good for no other. */
  readonly list: readonly string[];
  readonly keyOf: (node: Node) => string;
  /** Reads up to `limit` items in order, from behind the key `after` on. */
  readonly read: (page: { readonly after?: string; readonly limit: number }) => Promise<readonly Node[]>;
};

/**
 * Reads a page and one item more, which tells whether there are others.
 * @throws ApiError BAD_USER_INPUT if `first` is not 1–100 or `after` is no cursor of the list
 */
export async function readConnection<Node>(
  { first, after }: PageArgs,
  { list, keyOf, read }: KeyedList<Node>,
): Promise<Connection<Node>> {
  if (first < 1 || first > LIMITS.pageItems) {
    throw new ApiError('BAD_USER_INPUT', `"first" is a number of items from 1 to ${LIMITS.pageItems}.`);
  }
  const cursor = after ?? undefined; // the schema lets null stand for nothing
  const start = cursor === undefined ? {} : { after: parseCursor(list, cursor) };
  const found = await read({ ...start, limit: first + 1 });
  const nodes = found.slice(0, first);
  const edges = nodes.map((node) => ({ cursor: encodeCursor(list, keyOf(node)), node }));

  return {
    edges,
    nodes,
    pageInfo: {
      hasNextPage: found.length > first,
      hasPreviousPage: cursor !== undefined,
      startCursor: edges[0]?.cursor,
      endCursor: edges.at(-1)?.cursor,
    },
  };
}
