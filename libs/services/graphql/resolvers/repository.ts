import type { Visibility } from '@dockchains/access';
import type { RepositorySummary, TagSummary } from '@dockchains/registry';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext, RecordEntry } from '../context.ts';

/** What the services call each Visibility. */
export const VISIBILITIES = { PUBLIC: 'public', PROTECTED: 'protected', PRIVATE: 'private' };

/** Resolvers of schema/repository.graphql. */
export const repositoryTypes = {
  Query: {
    repositories: (
      _: unknown,
      { visibility, ...args }: PageArgs & { readonly visibility?: Visibility | null },
      { registry, principal }: GraphqlContext,
    ): Promise<Connection<RepositorySummary>> => {
      const narrowed = typeof visibility === 'string' ? { visibility } : {};
      return readConnection(args, {
        list: ['repositories', ...Object.values(narrowed)],
        keyOf: ({ name }) => name,
        read: async (page) => (await registry.listRepositories({ principal, ...narrowed, ...page })).items,
      });
    },
  },

  Repository: {
    tags: (
      { name: repository }: RepositorySummary,
      args: PageArgs,
      { registry, principal }: GraphqlContext,
    ): Promise<Connection<TagSummary>> =>
      readConnection(args, {
        list: ['tags', repository],
        keyOf: ({ name }) => name,
        read: async (page) => (await registry.listTags({ principal, repository, ...page })).items,
      }),
  },

  Tag: {
    record: (
      { recordId }: TagSummary,
      _: unknown,
      { records }: GraphqlContext,
    ): Promise<RecordEntry | undefined> => records.load(recordId),
  },
};
