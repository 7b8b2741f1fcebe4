import { z } from 'zod';

import { ClientError } from './errors.ts';

/** One page of a Relay connection. */
export type Connection<Node> = {
  readonly nodes: readonly Node[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
};

/** The shape of a connection of at most 1,000 nodes a page; ask for `nodes` and {@link PAGE_INFO}. */
export function connectionOf<Node>(node: z.ZodType<Node>): z.ZodType<Connection<Node>> {
  return z.object({
    nodes: z.array(node).max(1000),
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().max(4096).nullable() }),
  });
}

/** The fields of a connection that say how it goes on. */
export const PAGE_INFO = 'pageInfo { hasNextPage endCursor }';

const MAX_NODES = 100_000;

/**
 * Gives the nodes of all pages in order; `fetchPage` gets the cursor after which its page begins.
 * @throws ClientError BAD_RESPONSE past 100,000 nodes, or at an empty page that is not the last
 */
export async function collectPages<Node>(
  fetchPage: (after: string | undefined) => Promise<Connection<Node>>,
): Promise<readonly Node[]> {
  const all: Node[] = [];
  let after: string | undefined;
  do {
    const { nodes, pageInfo } = await fetchPage(after);
    all.push(...nodes);
    // A page of nothing that says there is more would never end.
    if (all.length > MAX_NODES || (nodes.length === 0 && pageInfo.hasNextPage)) {
      throw new ClientError(
        'BAD_RESPONSE',
        `The list goes on past ${MAX_NODES} items, or with nothing in it; no more than that is read.`,
      );
    }
    after = pageInfo.hasNextPage ? (pageInfo.endCursor ?? undefined) : undefined;
  } while (after !== undefined);
  return all;
}
