import type { CollectedItem, CollectionStep } from '@dockchains/registry';

import type { GraphqlContext } from '../context.ts';

type CollectArgs = { readonly dryRun: boolean; readonly untagged: boolean; readonly after?: string | null };

/** The values of CollectedKind. */
export const COLLECTED_KINDS = { MANIFEST: 'manifest', CONTENT: 'content' } satisfies Record<
  string,
  CollectedItem['kind']
>;

/** Resolvers of schema/collection.graphql; the registry itself asks whether an operator asks. */
export const collectionTypes = {
  Mutation: {
    collect: (
      _: unknown,
      { dryRun, untagged, after }: CollectArgs,
      { registry, principal }: GraphqlContext,
    ): Promise<CollectionStep> =>
      registry.collect({ principal, dryRun, untagged, ...(typeof after === 'string' && { after }) }),
  },
};
