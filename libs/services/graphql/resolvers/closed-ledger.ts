import type { ClosedLedger } from '@dockchains/federation';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';

/** Resolvers of schema/closed-ledger.graphql. What was closed stands on public record. */
export const closedLedgerTypes = {
  Query: {
    closedLedgers: (
      _: unknown,
      page: PageArgs,
      { closedLedgers }: GraphqlContext,
    ): Promise<Connection<ClosedLedger>> =>
      readConnection(page, {
        list: ['closedLedgers'],
        keyOf: ({ origin }) => origin,
        read: async ({ after = '', limit }) =>
          (await closedLedgers())
            .filter(({ origin }) => origin > after)
            .toSorted((one, other) => (one.origin < other.origin ? -1 : 1))
            .slice(0, limit),
      }),
  },
  ClosedLedger: {
    size: ({ loss }: ClosedLedger) => loss?.size,
    kept: ({ loss }: ClosedLedger) => loss?.kept,
    closedAt: ({ loss }: ClosedLedger) => loss?.at,
  },
};
