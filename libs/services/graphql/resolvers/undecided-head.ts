import type { UndecidedHead } from '@dockchains/federation';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';

/** Where one stands in the list: there is one of each log and of each who showed it. */
const keyOf = ({ since, origin, shownBy }: UndecidedHead): string =>
  `${since.toISOString()} ${origin} ${shownBy}`;

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
        keyOf,
        read: async ({ after = '', limit }) =>
          (await replicas.undecided.list())
            .map((kept) => ({ ...kept, key: keyOf(kept) }))
            .filter(({ key }) => key > after)
            .sort((a, b) => (a.key < b.key ? -1 : 1))
            .slice(0, limit),
      }),
  },
  UndecidedHead: {
    heldSize: ({ held }: UndecidedHead) => held.size,
    shownSize: ({ shown }: UndecidedHead) => shown.size,
  },
};
