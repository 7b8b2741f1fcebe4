import type { KeptEquivocation } from '@dockchains/federation';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';

/** Resolvers of schema/equivocation.graphql. A proof is for everybody: it has nothing but heads that its log signed. */
export const equivocationTypes = {
  Query: {
    equivocations: (
      _: unknown,
      page: PageArgs,
      { replicas }: GraphqlContext,
    ): Promise<Connection<KeptEquivocation>> =>
      readConnection(page, {
        list: ['equivocations'],
        keyOf: ({ key }) => key,
        read: (keyset) => replicas.evidence.list(keyset),
      }),
  },
};
