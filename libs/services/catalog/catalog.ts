import type { Access, Principal } from '@dockchains/access';
import type { Database } from '@dockchains/database';

import { type CatalogLog, type Consumer, startConsumer } from './consumer.ts';
import type { EntrySource } from '@dockchains/ledger';
import { beginGeneration, readStandings } from './generations.ts';
import {
  type CatalogArtifact,
  type CatalogPage,
  type CatalogTag,
  type DigestRequest,
  findArtifact,
  listByDigest,
  listRepositories,
  listTags,
  type RepositoryKey,
} from './read.ts';
import { type CatalogRepository, type SearchPage, searchRepositories, type SearchRequest } from './search.ts';

/** How far the catalog is with one ledger. */
export interface CatalogLedger {
  readonly origin: string;
  readonly organisation: string;
  /** Entries under the newest checkpoint that this gateway believes. */
  readonly publishedSize: bigint;
  /** Entries that the catalog shows. */
  readonly consumed: bigint;
  /** Entries that a rebuild has consumed; undefined while there is none. */
  readonly rebuilt: bigint | undefined;
}

/** How far the catalog is. */
export interface CatalogStatus {
  readonly rebuilding: boolean;
  readonly ledgers: readonly CatalogLedger[];
}

/** The searchable view over own and replicated ledgers. It follows what they publish, and never says more than they do. */
export interface Catalog {
  /**
   * Searches the repositories of all organisations that the principal may read.
   * @throws CatalogError BAD_QUERY; AccessError INVALID_TOKEN
   */
  search(principal: Principal, request: SearchRequest): Promise<SearchPage>;
  /** The public repositories of another organisation, by name. */
  listRepositories(
    page: CatalogPage & { readonly organisation: string },
  ): Promise<readonly CatalogRepository[]>;
  /** The tags of another organisation's public repository, by name. */
  listTags(page: CatalogPage & RepositoryKey): Promise<readonly CatalogTag[]>;
  /** What a reference into another organisation's public repository names. */
  findArtifact(
    target: RepositoryKey & ({ readonly tag: string } | { readonly digest: string }),
  ): Promise<CatalogArtifact | undefined>;
  /** The public repositories of other organisations that hold a digest, by `<organisation>/<name>`. */
  listByDigest(request: DigestRequest): Promise<readonly CatalogArtifact[]>;
  /** The other organisations whose ledgers are consumed here. */
  organisations(): ReadonlySet<string>;
  status(): Promise<CatalogStatus>;
  /** Begins to build everything anew from the ledgers, if nobody has; what is there is served until that is done. */
  rebuild(): Promise<void>;
  /** Lets the batches under way end. */
  close(): Promise<void>;
}

/** What the catalog stands on. */
export type CatalogDeps = {
  readonly database: Database;
  readonly access: Pick<Access, 'findReadable'>;
  /** Our own. */
  readonly organisation: string;
  /** The ledgers to consume and to show: asked every second. */
  readonly sources: () => readonly EntrySource[];
  readonly log: CatalogLog;
};

const SOURCES_MS = 1_000;

/** Opens the catalog, and consumes the sources until it is closed. */
export function openCatalog(deps: CatalogDeps): Catalog {
  const { database, access, organisation: own, sources } = deps;
  const following = follow(deps);
  const origins = (): string[] => sources().map(({ origin }) => origin);
  /** What others tell; of our own the registry knows better. */
  const others = (): string[] =>
    sources().flatMap(({ origin, organisation }) => (organisation === own ? [] : [origin]));

  return {
    async search(principal, request) {
      const readable = await access.findReadable(principal);
      return searchRepositories(database, { readable, own, origins: origins() }, request);
    },
    listRepositories: (page) => listRepositories(database, others(), page),
    listTags: (page) => listTags(database, others(), page),
    findArtifact: (target) => findArtifact(database, others(), target),
    listByDigest: (request) => listByDigest(database, others(), request),
    organisations: () =>
      new Set(sources().flatMap(({ organisation }) => (organisation === own ? [] : [organisation]))),
    status: () => readStatus(database, sources()),
    rebuild: () => beginGeneration(database),
    close: () => following.stop(),
  };
}

/** Keeps a consumer for each source that there is. */
function follow(deps: CatalogDeps): Consumer {
  const consumers = new Map<string, Consumer>();
  const stopped: Promise<void>[] = [];
  const adjust = (): void => {
    const wanted = new Map<string, EntrySource>(deps.sources().map((source) => [source.origin, source]));
    for (const [origin, source] of wanted) {
      if (!consumers.has(origin)) consumers.set(origin, startConsumer(deps, source));
    }
    for (const [origin, consumer] of consumers) {
      if (wanted.has(origin)) continue;
      consumers.delete(origin);
      stopped.push(consumer.stop());
    }
  };
  adjust();
  const timer = setInterval(adjust, SOURCES_MS).unref();
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all([...stopped, ...[...consumers.values()].map((consumer) => consumer.stop())]);
    },
  };
}

async function readStatus(database: Database, sources: readonly EntrySource[]): Promise<CatalogStatus> {
  const ledgers = await Promise.all(
    sources.map(async (source): Promise<CatalogLedger> => {
      const { origin, organisation } = source;
      const { serving, building } = await readStandings(database, origin);
      const published = await source.publishedSize();
      const publishedSize = published > serving.next ? published : serving.next;
      return { origin, organisation, publishedSize, consumed: serving.next, rebuilt: building?.next };
    }),
  );
  return { rebuilding: ledgers.some(({ rebuilt }) => rebuilt !== undefined), ledgers };
}
