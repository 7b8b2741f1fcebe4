import type { Visibility } from '@dockchains/access';
import type { CatalogTag } from '@dockchains/catalog';
import { parseRepositoryName } from '@dockchains/oci';
import type { TagSummary } from '@dockchains/registry';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext, RecordEntry } from '../context.ts';
import { type RepositoryView, viewOfCatalog, viewOfRepository } from '../views.ts';

/** What the services call each Visibility. */
export const VISIBILITIES = { PUBLIC: 'public', PROTECTED: 'protected', PRIVATE: 'private' };

type RepositoriesArgs = PageArgs & {
  readonly visibility?: Visibility | null;
  readonly organisation?: string | null;
};

/** A tag; `organisation` where it is another's. */
type TagView = (TagSummary | CatalogTag) & { readonly organisation?: string };

/** Resolvers of schema/repository.graphql. */
export const repositoryTypes = {
  Query: {
    repositories: (
      _: unknown,
      { visibility, organisation, ...args }: RepositoriesArgs,
      context: GraphqlContext,
    ): Promise<Connection<RepositoryView>> => {
      const narrowed = typeof visibility === 'string' ? { visibility } : {};
      const named = typeof organisation === 'string' ? { organisation } : {};
      return readConnection(args, {
        list: ['repositories', ...Object.values({ ...narrowed, ...named })],
        keyOf: ({ name }) => name,
        read: (page) => listRepositories(context, { ...narrowed, ...named, ...page }),
      });
    },
  },

  Repository: {
    tags: (
      repository: RepositoryView,
      args: PageArgs,
      context: GraphqlContext,
    ): Promise<Connection<TagView>> =>
      readConnection(args, {
        list: ['tags', repository.name],
        keyOf: ({ name }) => name,
        read: (page) => listTags(context, repository, page),
      }),
  },

  Tag: {
    record: (
      { recordId, organisation }: TagView,
      _: unknown,
      { records }: GraphqlContext,
    ): Promise<RecordEntry | undefined> | undefined =>
      organisation === undefined ? records.load(recordId) : undefined,
  },
};

type RepositoriesPage = {
  readonly visibility?: Visibility;
  readonly organisation?: string;
  readonly after?: string;
  readonly limit: number;
};

async function listRepositories(
  { catalog, registry, principal, organisation: own }: GraphqlContext,
  { organisation, after, ...page }: RepositoriesPage,
): Promise<readonly RepositoryView[]> {
  if (organisation === undefined || organisation === own) {
    const of = organisation === undefined ? 'all' : 'own';
    const start = after === undefined ? {} : { after };
    const { items } = await registry.listRepositories({ principal, of, ...start, ...page });
    return items.map((item) => viewOfRepository(item, own));
  }
  if (page.visibility !== undefined && page.visibility !== 'public') return [];
  const start = after === undefined ? {} : { after: after.slice(organisation.length + 1) };
  const items = await catalog.listRepositories({ organisation, limit: page.limit, ...start });
  return items.map((item) => viewOfCatalog(item, own));
}

async function listTags(
  { catalog, registry, principal, organisation: own }: GraphqlContext,
  { organisation, name, shortName }: RepositoryView,
  page: { readonly after?: string; readonly limit: number },
): Promise<readonly TagView[]> {
  if (organisation === own) {
    return (await registry.listTags({ principal, repository: parseRepositoryName(name), ...page })).items;
  }
  const tags = await catalog.listTags({ organisation, repository: shortName, ...page });
  return tags.map((tag) => ({ ...tag, organisation }));
}
