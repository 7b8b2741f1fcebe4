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
      args: PageArgs,
      { registry, principal }: GraphqlContext,
    ): Promise<Connection<RepositorySummary>> =>
      readConnection(args, {
        list: ['repositories'],
        keyOf: ({ name }) => name,
        read: async (page) => (await registry.listRepositories({ principal, ...page })).items,
      }),
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
