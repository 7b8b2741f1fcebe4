import type { Account } from '@dockchains/access';

import type { GraphqlContext } from '../context.ts';

/** Resolvers of schema/viewer.graphql. */
export const viewerTypes = {
  Query: {
    viewer: (_: unknown, __: unknown, { access, principal }: GraphqlContext): Promise<Account | undefined> =>
      access.findSelf(principal),
  },

  Viewer: {
    principalId: ({ id }: Account) => id,
  },
};
