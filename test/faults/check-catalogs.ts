import { expect } from 'vitest';

import { ask } from '../graphql/session.ts';
import type { PublishedTags } from './check-federation.ts';
import type { Watched } from './watched-federation.ts';

type Gateway = Watched['organisation']['gateway'];
type PageInfo = { hasNextPage: boolean; endCursor: string | null };
type Tag = { name: string; digest: string; recordId: string };
type Repository = { name: string; organisation: string; tags: { nodes: readonly Tag[]; pageInfo: PageInfo } };
type Artifact = { organisation: string; repository: string; digest: string; mediaType: string; size: number };

const CAUGHT_UP = { timeout: 60_000, interval: 100 };
const LAGS = '{ catalog { ledgers { origin publishedSize lag } } }';
// One repository at a time, so that its tags can be paged.
const REPOSITORIES = `query Repositories($organisation: String!, $after: String, $afterTag: String) {
  repositories(organisation: $organisation, visibility: PUBLIC, first: 1, after: $after) {
    nodes {
      name organisation
      tags(first: 100, after: $afterTag) { nodes { name digest recordId } pageInfo { hasNextPage endCursor } }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;
// Several digests are asked for at once.
const DIGESTS = 20;
const artifactsQuery = (digests: readonly string[]): string => {
  const one = (digest: string, index: number): string =>
    `a${index}: artifacts(digest: "${digest}", first: 4) { nodes { organisation repository digest mediaType size } }`;
  return `{ ${digests.map(one).join('\n')} }`;
};

/** All catalogs show all organisations' repositories, tags and artifacts, and the same of each: what the ledgers say. */
export async function expectEqualCatalogs(
  watched: readonly Watched[],
  published: ReadonlyMap<string, PublishedTags>,
): Promise<void> {
  for (const { organisation: holder } of watched) {
    await expect.poll(() => findLag(holder.gateway, published.size), CAUGHT_UP).toBe(0n);
  }
  for (const [name, tags] of published) {
    const shown = await Promise.all(watched.map(({ organisation }) => readTags(organisation.gateway, name)));
    const [first] = shown;
    if (first === undefined) throw new Error('There is no catalog.');
    expect(new Map([...first].map(([tag, { digest }]) => [tag, digest]))).toEqual(sorted(tags));
    for (const other of shown) expect(other).toEqual(first);
    const digests = [...new Set(tags.values())];
    for (let first = 0; first < digests.length; first += DIGESTS) {
      const some = digests.slice(first, first + DIGESTS);
      const found = await Promise.all(
        watched.map(({ organisation }) => readArtifacts(organisation.gateway, some)),
      );
      expect(found[0]).not.toContainEqual([]);
      for (const other of found) expect(other).toEqual(found[0]);
    }
  }
}

const sorted = (tags: PublishedTags): PublishedTags =>
  new Map([...tags].toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** Entries of public ledgers that a catalog does not show yet; -1 while it knows of too few ledgers. */
async function findLag(gateway: Gateway, ledgers: number): Promise<bigint> {
  const { data } = await ask(gateway, LAGS);
  const { catalog } = data as { catalog: { ledgers: readonly { origin: string; lag: string }[] } };
  const known = catalog.ledgers.filter(({ origin }) => origin.endsWith('/ledger/public'));
  if (known.length < ledgers) return -1n;
  return known.reduce((sum, { lag }) => sum + BigInt(lag), 0n);
}

/** `<repository>:<tag>`, as the organisation itself names them, of all that a gateway shows of it. */
async function readTags(gateway: Gateway, organisation: string): Promise<Map<string, Tag>> {
  const tags = new Map<string, Tag>();
  let [after, afterTag]: (string | null)[] = [null, null];
  for (;;) {
    const variables = { organisation, after, afterTag };
    const { data, messages } = await ask(gateway, REPOSITORIES, { variables });
    expect(messages).toEqual([]);
    const { repositories } = data as { repositories: { nodes: readonly Repository[]; pageInfo: PageInfo } };
    const [repository] = repositories.nodes;
    if (repository === undefined) break;
    expect(repository.organisation).toBe(organisation);
    const name = ownName(repository.name, organisation);
    for (const tag of repository.tags.nodes) tags.set(`${name}:${tag.name}`, tag);
    afterTag = repository.tags.pageInfo.hasNextPage ? repository.tags.pageInfo.endCursor : null;
    if (afterTag !== null) continue;
    if (!repositories.pageInfo.hasNextPage) break;
    after = repositories.pageInfo.endCursor;
  }
  return new Map([...tags].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Where a gateway shows each digest. */
async function readArtifacts(
  gateway: Gateway,
  digests: readonly string[],
): Promise<readonly (readonly Artifact[])[]> {
  const { data, messages } = await ask(gateway, artifactsQuery(digests));
  expect(messages).toEqual([]);
  return Object.values(data as Record<string, { nodes: readonly Artifact[] }>).map(({ nodes }) =>
    nodes
      .map((node) => ({ ...node, repository: ownName(node.repository, node.organisation) }))
      .toSorted((a, b) => (a.organisation < b.organisation ? -1 : 1)),
  );
}

const ownName = (name: string, organisation: string): string =>
  name.startsWith(`${organisation}/`) ? name.slice(organisation.length + 1) : name;
