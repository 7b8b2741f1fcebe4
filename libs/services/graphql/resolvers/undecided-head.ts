import type { UndecidedHead } from '@dockchains/federation';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';

/** Resolvers of schema/undecided-head.graphql. Heads are for everybody, those of private ledgers too. */
export const undecidedHeadTypes = {
  Query: {
    undecidedHeads: (
      _: unknown,
      page: PageArgs,
      { replicas }: GraphqlContext,
    ): Promise<Connection<UndecidedHead>> =>
      readConnection(page, {
        list: ['undecidedHeads'],
        keyOf: ({ key }) => key,
        read: (keyset) => replicas.undecided.list(keyset),
      }),
  },
  UndecidedHead: {
    heldSize: ({ held }: UndecidedHead) => held.size,
    shownSize: ({ shown }: UndecidedHead) => shown.size,
  },
};
