import { z } from 'zod';

import { OPERATOR_SCOPE } from './administration.ts';
import { graphql, type Operation } from './graphql.ts';
import { READ_SCOPE } from './operations.ts';
import type { Session } from './session.ts';

const index = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,18})$/)
  .transform(BigInt);

const foundSchema = z.object({
  matches: z.int().nonnegative(),
  nodes: z
    .array(
      z.object({
        name: z.string().max(512),
        organisation: z.string().max(255),
        visibility: z.string().max(64),
        createdAt: z.string().max(64),
      }),
    )
    .max(100),
});

const catalogSchema = z.object({
  rebuilding: z.boolean(),
  ledgers: z
    .array(
      z.object({
        origin: z.string().max(255),
        organisation: z.string().max(255),
        publishedSize: index,
        consumed: index,
        lag: index,
        rebuilt: index.nullable(),
      }),
    )
    .max(10_000),
});

/** What a search found, best first, and how many match in all: 1,000 stands for so many or more. */
export type SearchResult = z.output<typeof foundSchema>;

/** How far a gateway's catalog is with each ledger. */
export type CatalogStatus = z.output<typeof catalogSchema>;

const CATALOG_FIELDS = 'rebuilding ledgers { origin organisation publishedSize consumed lag rebuilt }';

const SEARCH: Operation<{ search: SearchResult }> = {
  document: `query Search($text: String!, $organisation: String, $first: Int!) {
    search(text: $text, organisation: $organisation, first: $first) {
      matches nodes { name organisation visibility createdAt }
    }
  }`,
  data: z.object({ search: foundSchema }),
  scope: READ_SCOPE,
};

const CATALOG: Operation<{ catalog: CatalogStatus }> = {
  document: `query Catalog { catalog { ${CATALOG_FIELDS} } }`,
  data: z.object({ catalog: catalogSchema }),
  scope: READ_SCOPE,
};

const REBUILD: Operation<{ catalog: CatalogStatus }> = {
  document: `mutation Rebuild { catalog: rebuildCatalog { ${CATALOG_FIELDS} } }`,
  data: z.object({ catalog: catalogSchema }),
  scope: OPERATOR_SCOPE,
};

/** Searches the repositories that a gateway knows of, at most `first` (1 to 100) of them. @throws ClientError of every code */
export async function searchRepositories(
  session: Session,
  request: { readonly text: string; readonly organisation?: string; readonly first: number },
): Promise<SearchResult> {
  return (await graphql(session, SEARCH, request)).search;
}

/** Asks how far a gateway's catalog is. @throws ClientError of every code */
export async function getCatalog(session: Session): Promise<CatalogStatus> {
  return (await graphql(session, CATALOG)).catalog;
}

/** Has a gateway build its catalog anew, for operators; it goes on when this returns. @throws ClientError of every code */
export async function rebuildCatalog(session: Session): Promise<CatalogStatus> {
  return (await graphql(session, REBUILD)).catalog;
}
