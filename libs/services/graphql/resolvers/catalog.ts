import { createHash } from 'node:crypto';

import type { CatalogLedger, CatalogStatus, FoundRepository } from '@dockchains/catalog';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';
import { ApiError } from '../errors.ts';
import { type RepositoryView, viewOfCatalog } from '../views.ts';

type SearchArgs = PageArgs & { readonly text: string; readonly organisation?: string | null };
type Found = RepositoryView & { readonly score: number };
type SearchConnection = Connection<Found> & { readonly matches: number };

/** Resolvers of schema/catalog.graphql. */
export const catalogTypes = {
  Query: {
    search: async (
      _: unknown,
      { text, organisation, ...args }: SearchArgs,
      { catalog, principal, organisation: own }: GraphqlContext,
    ): Promise<SearchConnection> => {
      const narrowed = typeof organisation === 'string' ? { organisation } : {};
      let matches = 0;
      const connection = await readConnection<Found>(args, {
        // Its hash, since a cursor holds no more than a name.
        list: ['search', hashOf([text, organisation ?? null])],
        keyOf: ({ score, organisation: owner, shortName }) => `${score} ${owner} ${shortName}`,
        read: async ({ after, limit }) => {
          const place = after === undefined ? {} : { after: parsePlace(after) };
          const page = await catalog.search(principal, { text, ...narrowed, ...place, limit });
          matches = page.matches;
          return page.items.map((item: FoundRepository) => ({
            ...viewOfCatalog(item, own),
            score: item.score,
          }));
        },
      });
      return { ...connection, matches };
    },

    catalog: (_: unknown, __: unknown, { catalog }: GraphqlContext): Promise<CatalogStatus> =>
      catalog.status(),
  },

  CatalogLedger: {
    lag: ({ publishedSize, consumed }: CatalogLedger) => publishedSize - consumed,
  },

  Mutation: {
    rebuildCatalog: async (
      _: unknown,
      __: unknown,
      { access, catalog, principal }: GraphqlContext,
    ): Promise<CatalogStatus> => {
      await access.requireOperator(principal);
      await catalog.rebuild();
      return catalog.status();
    },
  },
};

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url');
}

function parsePlace(key: string): { score: number; organisation: string; name: string } {
  const [, score = '', organisation = '', name = ''] = /^(-?[0-9]{1,9}) ([^ ]+) ([^ ]+)$/.exec(key) ?? [];
  if (name === '') throw new ApiError('BAD_USER_INPUT', '"after" is no cursor of this search.');
  return { score: Number(score), organisation, name };
}
