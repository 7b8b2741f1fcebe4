import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { ANONYMOUS } from '@dockchains/access';
import type { BlobStore } from '@dockchains/blobs';
import { type Database, type Lock, lockKeyOf } from '@dockchains/database';
import { type Digest, OciError, type RepositoryName, splitOrganisation } from '@dockchains/oci';
import type { Registry } from '@dockchains/registry';

import { FederationError } from '../errors.ts';
import { BlobFetch } from './blob-fetch.ts';
import type { Holders } from './holders.ts';
import { openPlaces } from './places.ts';
import type { MirrorPolicies } from './policies.ts';

/** A blob of a mirrored repository, under its name here. */
interface MirroredBlob {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/**
 * Begins to fetch a blob of `size` bytes, or joins who fetches it; undefined once the repository has it.
 * @throws FederationError PEER_UNREACHABLE; NOT_MIRRORED if the policy keeps no layers
 */
export type FetchBlob = (blob: MirroredBlob, size: number) => Promise<BlobFetch | undefined>;

interface FetchDeps {
  readonly database: Pick<Database, 'tryLock'>;
  readonly blobs: BlobStore;
  readonly registry: Pick<Registry, 'getBlob' | 'mirrors'>;
  readonly holders: Holders;
  readonly policies: Pick<MirrorPolicies, 'find'>;
  readonly organisation: string;
}

const ELSEWHERE_POLL_MS = 100;
const ELSEWHERE_POLLS = 600;
// Each has a file, a socket and a lock, and a peer may be slow: what is fetched of one organisation waits for the rest of it, and nothing else does.
const MAX_OF_ORGANISATION = 32;

/** Opens the fetches of a gateway: a blob is fetched once, whichever of the organisation's gateways is asked for it, and however often. */
export function openBlobFetches(deps: FetchDeps): FetchBlob {
  const { database, registry } = deps;
  const fetches = new Map<string, BlobFetch>();
  const places = openPlaces(MAX_OF_ORGANISATION);

  const isHere = async (blob: MirroredBlob): Promise<boolean> => {
    try {
      await registry.getBlob({ ...blob, principal: ANONYMOUS });
      return true;
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      return registry.mirrors.linkPublic(blob.repository, blob.digest);
    }
  };

  /** Begins the fetch under its lock and in its place, which it gives back at its end. */
  const begin = async (blob: MirroredBlob, size: number, leave: () => Promise<void>): Promise<BlobFetch> => {
    await makeRoom(deps, blob, size);
    const fetch = await start(deps, blob, size);
    const key = keyOf(blob);
    fetches.set(key, fetch);
    const end = async (): Promise<void> => {
      fetches.delete(key);
      await leave();
    };
    fetch.done.then(end, end).catch(() => undefined); // a lock that is lost is released
    return fetch;
  };

  return async (blob, size) => {
    const key = keyOf(blob);
    const { organisation = deps.organisation } = splitOrganisation(blob.repository, deps.organisation);
    for (let poll = 0; poll < ELSEWHERE_POLLS; poll += 1) {
      const known = fetches.get(key);
      if (known !== undefined) return known;
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
        lock = await database.tryLock(lockKeyOf('mirror-blob', key));
        if (lock !== undefined && !(await isHere(blob))) return await begin(blob, size, leave);
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
  { policies, registry }: FetchDeps,
  { repository }: MirroredBlob,
  size: number,
): Promise<void> {
  const { fetch, maxBytes, pattern } = await policies.find(repository);
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

async function start(
  { blobs, registry, holders, organisation }: FetchDeps,
  { repository, digest }: MirroredBlob,
  size: number,
): Promise<BlobFetch> {
  const { organisation: origin = organisation, repository: name } = splitOrganisation(
    ...[repository, organisation],
  );
  const deps = {
    ...{ blobs, via: organisation, uploadId: randomBytes(16).toString('hex') },
    holders: await holders.list(origin, name),
    avoid: holders.avoid.bind(holders),
    commit: (id: string) => registry.mirrors.commitBlob(repository, id, digest),
  };
  return new BlobFetch({ digest, size }, deps);
}
