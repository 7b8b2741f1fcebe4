import type { Visibility } from '@dockchains/access';
import { parseRepositoryName } from '@dockchains/oci';

import type { GraphqlContext } from '../context.ts';

type Args = { readonly repository: string; readonly visibility: Visibility };

/** Resolvers of schema/visibility.graphql. */
export const visibilityTypes = {
  Mutation: {
    setRepositoryVisibility: async (
      _: unknown,
      { visibility, ...args }: Args,
      { registry, principal }: GraphqlContext,
    ) => {
      const repository = parseRepositoryName(args.repository);
      const told = await registry.setVisibility({ principal, repository, visibility });
      return { repository, visibility, ...told };
    },
  },
};
