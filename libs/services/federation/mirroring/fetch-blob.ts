import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { BlobStore } from '@dockchains/blobs';
import { type Database, type Lock, lockKeyOf } from '@dockchains/database';
import type { LedgerLog } from '@dockchains/ledger';
import { type Digest, type RepositoryName, splitOrganisation } from '@dockchains/oci';
import type { Registry } from '@dockchains/registry';

import { FederationError } from '../errors.ts';
import { BlobFetch } from './blob-fetch.ts';
import type { Holder, Holders } from './holders.ts';
import { openPlaces } from './places.ts';
import type { MirrorPolicies, MirrorPolicy } from './policies.ts';

/** A blob of a mirrored repository, under its name here. */
interface MirroredBlob {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** A blob that is to be fetched, and of how many bytes. */
interface Wanted {
  readonly blob: MirroredBlob;
  readonly size: number;
}

/** What is looked up before it is fetched. */
interface Known {
  readonly policy: MirrorPolicy;
  readonly holders: readonly Holder[];
}

/**
 * Begins to fetch a blob of `size` bytes, or joins who fetches it; undefined once the repository has it.
 * @throws FederationError PEER_UNREACHABLE; NOT_MIRRORED if the policy keeps no layers
 */
export type FetchBlob = (blob: MirroredBlob, size: number) => Promise<BlobFetch | undefined>;

interface FetchDeps {
  readonly database: Pick<Database, 'tryLock'>;
  readonly blobs: BlobStore;
  readonly registry: Pick<Registry, 'mirrors'>;
  readonly holders: Holders;
  readonly policies: Pick<MirrorPolicies, 'find'>;
  readonly organisation: string;
  readonly log: Pick<LedgerLog, 'info'>;
}

const ELSEWHERE_POLL_MS = 100;
const ELSEWHERE_POLLS = 600;
// Each has a file, a socket and a lock, and a peer may be slow: what is fetched of one organisation waits for the rest of it, and nothing else does.
const MAX_OF_ORGANISATION = 32;

/** Opens the fetches of a gateway: a blob is fetched once, whichever of the organisation's gateways is asked for it, and however often. */
export function openBlobFetches(deps: FetchDeps): FetchBlob {
  const { database, registry, policies, holders } = deps;
  const fetches = new Map<string, BlobFetch>();
  const places = openPlaces(MAX_OF_ORGANISATION);

  /** Begins the fetch under its lock and in its place, which it gives back at its end. */
  const begin = async (wanted: Wanted, known: Known, leave: () => Promise<void>): Promise<BlobFetch> => {
    const { blob } = wanted;
    await makeRoom(deps, wanted, known.policy);
    const fetch = start(deps, wanted, known.holders);
    const key = keyOf(blob);
    fetches.set(key, fetch);
    const end = async (): Promise<void> => {
      fetches.delete(key);
      await leave();
    };
    fetch.done.catch((error: unknown) => {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      const { organisation } = splitOrganisation(blob.repository, deps.organisation);
      deps.log.info({ organisation, reason: String(cause) }, 'a layer of a mirror could not be fetched');
    });
    fetch.done.then(end, end).catch(() => undefined); // a lock that is lost is released
    return fetch;
  };

  return async (blob, size) => {
    const key = keyOf(blob);
    const { organisation = deps.organisation, repository } = splitOrganisation(
      ...[blob.repository, deps.organisation],
    );
    const lookUp = async (): Promise<Known> => {
      const [policy, list] = await Promise.all([
        policies.find(blob.repository),
        holders.list(organisation, repository),
      ]);
      return { policy, holders: list };
    };
    for (let poll = 0; poll < ELSEWHERE_POLLS; poll += 1) {
      const running = fetches.get(key);
      if (running !== undefined) return running;
      if (!places.take(organisation, key)) {
        await delay(ELSEWHERE_POLL_MS);
        continue;
      }
      let lock: Lock | undefined;
      const leave = async (): Promise<void> => {
        places.free(organisation, key);
        await lock?.release();
      };
      try {
        const known = lookUp(); // beside the lock
        known.catch(() => undefined); // it is awaited only where the lock is had
        lock = await database.tryLock(lockKeyOf('mirror-blob', key));
        if (lock !== undefined && !(await registry.mirrors.ensureLinked(blob.repository, blob.digest))) {
          return await begin({ blob, size }, await known, leave);
        }
      } catch (error) {
        await leave();
        throw error;
      }
      await leave();
      if (lock !== undefined) return undefined;
      const sharing = fetches.get(key);
      if (sharing !== undefined) return sharing;
      await delay(ELSEWHERE_POLL_MS); // another request or gateway is at it
    }
    throw new FederationError(
      'PEER_UNREACHABLE',
      'This blob has waited for a minute, for another gateway or for other blobs of its organisation: try again later.',
    );
  };
}

function keyOf({ repository, digest }: MirroredBlob): string {
  return `${repository}@${digest}`;
}

/**
 * Makes room for a blob under the limit of its policy; one that is larger than the limit itself is fetched and let go of again.
 * @throws FederationError NOT_MIRRORED if the policy keeps no layers
 */
async function makeRoom(
  { registry }: FetchDeps,
  { blob: { repository }, size }: Wanted,
  { fetch, maxBytes, pattern }: MirrorPolicy,
): Promise<void> {
  if (fetch === 'never') {
    throw new FederationError(
      'NOT_MIRRORED',
      `By its policy on "${pattern}" this mirror keeps no layers of "${repository}": pull from its origin.`,
    );
  }
  if (maxBytes === null) return;
  const over = (await registry.mirrors.countBytes(pattern)) + BigInt(size) - maxBytes;
  if (over > 0n) await registry.mirrors.evict(pattern, over);
}

function start(
  { blobs, registry, holders, organisation }: FetchDeps,
  { blob: { repository, digest }, size }: Wanted,
  asked: readonly Holder[],
): BlobFetch {
  const deps = {
    ...{ blobs, via: organisation, uploadId: randomBytes(16).toString('hex'), holders: asked },
    avoid: holders.avoid.bind(holders),
    commit: (id: string) => registry.mirrors.commitBlob(repository, id, digest),
  };
  return new BlobFetch({ digest, size }, deps);
}
