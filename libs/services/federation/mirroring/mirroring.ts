import { AccessError } from '@dockchains/access';
import type { BlobStore } from '@dockchains/blobs';
import type { Database } from '@dockchains/database';
import type { LedgerLog } from '@dockchains/ledger';
import { OciError, type RepositoryName, splitOrganisation } from '@dockchains/oci';
import type {
  BlobRequest,
  ManifestRequest,
  Registry,
  StoredBlob,
  StoredManifest,
} from '@dockchains/registry';

import { FederationError } from '../errors.ts';
import type { Peers } from '../peers/peers.ts';
import type { BlobFetch } from './blob-fetch.ts';
import { openBlobFetches } from './fetch-blob.ts';
import { Followers } from './followers.ts';
import type { Freshness, Replicas } from './freshness.ts';
import { type HolderRequests, openHolders } from './holders.ts';
import { type MirrorPolicies, openMirrorPolicies } from './policies.ts';
import { Prefetch } from './prefetch.ts';

/** What mirroring is made of; the signal ends what is asked of others. */
export interface MirroringDeps extends Pick<HolderRequests, 'signal'> {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly registry: Pick<Registry, 'getBlob' | 'getManifest' | 'mirrors'>;
  readonly peers: Pick<Peers, 'find' | 'list'>;
  readonly replication: Replicas;
  readonly organisation: string;
  readonly clock: () => Date;
  readonly log: LedgerLog;
  readonly fetch?: typeof globalThis.fetch;
}

/** Other organisations' repositories, as they are served here. */
export interface Mirroring {
  /** As the registry's, and for a mirrored repository how fresh the answer is. @throws also FederationError PEER_UNREACHABLE */
  getManifest(request: ManifestRequest): Promise<StoredManifest & { readonly freshness?: Freshness }>;
  /** As the registry's, fetching what a mirrored manifest needs unless `local`. @throws also FederationError PEER_UNREACHABLE */
  getBlob(request: BlobRequest & { readonly local: boolean }): Promise<StoredBlob>;
  /**
   * What `read` gives of a repository that may be mirrored (tags, referrers, a tag's history), and then how fresh that is.
   * @throws also FederationError PEER_UNREACHABLE
   */
  readList<List>(repository: RepositoryName, read: () => Promise<List>): Promise<FreshList<List>>;
  readonly policies: MirrorPolicies;
  close(): Promise<void>;
}

/** A list, and of a mirrored repository how old it may be. */
type FreshList<List> = { readonly list: List; readonly freshness: Freshness | undefined };

// An answer that there is no such thing is as good as the origin's own for so long.
const FRESH_SECONDS = 15;
const ABSENT: readonly string[] = ['NAME_UNKNOWN', 'MANIFEST_UNKNOWN', 'BLOB_UNKNOWN'];
/** Follows the peers' ledgers and serves their repositories, until closed. */
export function openMirroring(deps: MirroringDeps): Mirroring {
  const { registry, peers, organisation } = deps;
  const holders = openHolders(peers, deps);
  const policies = openMirrorPolicies(deps.database);
  const fetchBlob = openBlobFetches({ ...deps, holders, policies });
  const prefetch = new Prefetch({ ...deps, policies, fetchBlob });
  const followers = new Followers({
    ...{ ...deps, mirrors: registry.mirrors, holders, fetchBlob },
    onFollowed: () => {
      prefetch.announce();
    },
  });

  /** Whether somebody else must know: not when a peer's ledger, followed to its end just now, says nothing of it. */
  const orAway = async (error: unknown, repository: RepositoryName): Promise<never> => {
    const { organisation: origin } = splitOrganisation(repository, organisation);
    if (!isUnknown(error) || origin === undefined || (await peers.find(origin)) === undefined) throw error;
    const { ageSeconds } = followers.freshness(origin);
    if (ageSeconds !== undefined && ageSeconds <= FRESH_SECONDS) throw error;
    throw new FederationError(
      'PEER_UNREACHABLE',
      `${origin} has not been reached of late, and this mirror can't say whether it has this: try again later.`,
      { cause: error },
    );
  };

  const freshnessOf = (repository: RepositoryName): Freshness | undefined => {
    const { organisation: origin } = splitOrganisation(repository, organisation);
    return origin === undefined ? undefined : followers.freshness(origin);
  };

  return {
    async getManifest(request) {
      try {
        const manifest = await registry.getManifest(request);
        if (request.reference.kind === 'digest') return manifest;
        const freshness = freshnessOf(request.repository);
        return freshness === undefined ? manifest : { ...manifest, freshness };
      } catch (error) {
        return orAway(error, request.repository);
      }
    },

    async readList(repository, read) {
      try {
        return { list: await read(), freshness: freshnessOf(repository) };
      } catch (error) {
        return orAway(error, repository);
      }
    },

    async getBlob({ local, ...request }) {
      try {
        return await registry.getBlob(request);
      } catch (error) {
        const { organisation: origin } = splitOrganisation(request.repository, organisation);
        if (!isUnknown(error) || origin === undefined) throw error;
        const needed = await registry.mirrors.findNeeded(request.repository, request.digest);
        if (needed === undefined) return orAway(error, request.repository);
        if (local) throw error;
        const fetch = await fetchBlob(request, needed.size);
        return fetch === undefined ? registry.getBlob(request) : storedOf(fetch);
      }
    },

    policies,

    async close() {
      await prefetch.close();
      await followers.close();
    },
  };
}

function storedOf(fetch: BlobFetch): StoredBlob {
  const { digest, size } = fetch;
  return { digest, size, open: (range = { start: 0, end: size - 1 }) => fetch.open(range) };
}

/** Whether the answer is that there is no such thing; of a repository that is not there, anonymous asks are told to sign in. */
function isUnknown(error: unknown): boolean {
  return (
    (error instanceof OciError && ABSENT.includes(error.code)) ||
    (error instanceof AccessError && ['UNAUTHORIZED', 'NAME_UNKNOWN'].includes(error.code))
  );
}
