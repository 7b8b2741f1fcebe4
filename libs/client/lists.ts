import { z } from 'zod';

import { graphql, type Operation } from './graphql.ts';
import { collectPages, type Connection, connectionOf, PAGE_INFO } from './pages.ts';
import type { Session } from './session.ts';

/** A whole list of the gateway's, read page by page. */
export type List<Node> = Operation<{ list: Connection<Node> }>;

/** Describes a list: a field that gives a connection, with its arguments where it needs any. */
export function listOf<Node>(
  field: string,
  { node, fields, scope, args = '' }: { node: z.ZodType<Node>; fields: string; scope: string; args?: string },
): List<Node> {
  return {
    document: `query List($after: String) {
      list: ${field}(first: 100, after: $after${args}) { nodes { ${fields} } ${PAGE_INFO} }
    }`,
    data: z.object({ list: connectionOf(node) }),
    scope,
  };
}

/** Reads all of a list. @throws ClientError of every code */
export function collectList<Node>(session: Session, list: List<Node>): Promise<readonly Node[]> {
  return collectPages(
    async (after) => (await graphql(session, list, after === undefined ? {} : { after })).list,
  );
}
