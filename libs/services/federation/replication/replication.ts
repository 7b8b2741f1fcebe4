import type { Fetch } from '@dockchains/client';
import type { EntrySource } from '@dockchains/ledger';
import type { Cosigner } from '@dockchains/tlog';

import { directFetch } from '../direct-fetch.ts';
import type { Evidence } from '../gossip/evidence.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import { type Cosigned, postCosigned } from './cosigned.ts';
import type { FollowDeps, FollowLog, FollowState } from './follow-deps.ts';
import { Follower } from './follower.ts';
import { reopenHead } from './heads.ts';
import { type MirrorFiles, openMirrorFiles, readMirrorEntries } from './mirror-files.ts';
import { readPackage } from './packages.ts';
import { originOf } from './peer-log.ts';
import type { ReplicaStores } from './replica.ts';

/** How a replica of a peer's public log stands. */
export type ReplicaStatus = {
  readonly origin: string;
  readonly organisation: string;
  /** Entries that are durable here. */
  readonly held: bigint;
  /** Size of the newest head that is held whole and cosigned by our mirror. */
  readonly mirroredSize: bigint;
  readonly publishedSize: bigint;
  readonly publishedAt: Date | undefined;
  /** When the log's own gateway answered last. */
  readonly checkedAt: Date | undefined;
  /** Why nothing more is taken from the log, if that is so. */
  readonly frozen: string | undefined;
} & Pick<FollowState, 'target' | 'trouble'>;

/** The entries of a replica, and when its log's own gateway answered last: how fresh they are. */
export type ReplicaSource = EntrySource & { readonly checkedAt: () => Promise<Date | undefined> };

/** Entries [start, end) of a peer's log, within one bundle, encoded as one, with a signed note of at least `end` entries; too large ones come without. */
export type Package = {
  readonly origin: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly note: string;
  readonly bundle: Uint8Array | undefined;
};

/** The public logs of the peers, as they are replicated here. */
export interface Replication {
  /** The replicas of the peers that are active now. */
  sources(): readonly ReplicaSource[];
  status(): Promise<readonly ReplicaStatus[]>;
  /** The files of a replica, also of a peer that was removed, by the SHA-256 of its origin in hexadecimal. */
  mirror(originHash: string): MirrorFiles;
  /**
   * Takes in what a peer sent of its own log, in the order of the calls; resolves when so much of the log is durable here, by
   * whichever way it came: what does not follow is fetched. What is none of the log's is let go.
   * @throws TlogError, FederationError if it is not to be believed; the signal's reason when that is aborted
   */
  applyPackage(organisation: string, sent: Package, gone?: AbortSignal): Promise<void>;
  /** Takes in a published note that a peer sent of its own log, as `applyPackage` does. @throws as that */
  applyCheckpoint(
    organisation: string,
    sent: Pick<Package, 'origin' | 'note'>,
    gone?: AbortSignal,
  ): Promise<void>;
  /** Asks for news of this log, or of all, now. */
  wake(origin?: string): void;
  /** Ends after what is under way. */
  close(): Promise<void>;
}

/** What replication takes. */
export type ReplicationDeps = ReplicaStores & {
  readonly peers: Pick<Peers, 'list' | 'refresh' | 'onChange'>;
  /** The organisation's mirror: it cosigns what is held durably. */
  readonly mirror: Cosigner;
  readonly evidence: Evidence;
  readonly clock: () => Date;
  readonly log: FollowLog;
  readonly fetch?: Fetch;
  /** Between two questions to the same gateway, in milliseconds; 1,000 unless told. */
  readonly pollMs?: number;
  /** Hands a cosignature to the log's organisation; by HTTP unless told. */
  readonly deliver?: (peer: Peer, cosigned: Cosigned) => Promise<void>;
};

type Followed = { readonly follower: Follower; readonly source: ReplicaSource };

const POLL_MS = 1_000;
const NEVER = new AbortController().signal;

const READ_STATUS = {
  name: 'replica-read-status',
  text: `SELECT origin, organisation, next, mirrored_size, published_size, published_at, checked_at, frozen
         FROM replica ORDER BY origin`,
};
const READ_PUBLISHED = {
  name: 'replica-read-published-size',
  text: 'SELECT published_size FROM replica WHERE origin = $1',
};

const READ_CHECKED = {
  name: 'replica-read-checked-at',
  text: 'SELECT checked_at FROM replica WHERE origin = $1',
};

type StatusRow = {
  readonly origin: string;
  readonly organisation: string;
  readonly next: bigint;
  readonly mirrored_size: bigint;
  readonly published_size: bigint;
  readonly published_at: Date | null;
  readonly checked_at: Date | null;
  readonly frozen: string | null;
};

/** Starts to follow the public logs of all active peers, and of those that become ones. */
export async function openReplication(deps: ReplicationDeps): Promise<Replication> {
  const { database, tiles, peers } = deps;
  const fetch = directFetch(deps.fetch);
  const stores = { database, tiles };
  const followed = new Map<string, Followed>();
  const deliver = deps.deliver ?? ((peer: Peer, cosigned: Cosigned) => postCosigned(peer, cosigned, fetch));
  const common = { ...deps, fetch, deliver, pollMs: deps.pollMs ?? POLL_MS };

  // One change after the other: a peer that comes back must find its follower gone.
  let changing = Promise.resolve();
  const applyChange = async (): Promise<void> => {
    const active = new Map((await peers.list()).map((peer) => [originOf(peer), peer]));
    for (const [origin, { follower }] of followed) {
      if (active.has(follower.origin)) continue;
      followed.delete(origin);
      await follower.stop();
    }
    for (const [origin, peer] of active) {
      if (!followed.has(origin)) followed.set(origin, follow(common, peer));
    }
  };
  const change = (): Promise<void> => {
    changing = changing.then(applyChange).catch((error: unknown) => {
      deps.log.warn({ err: error }, 'peers could not be read, replication goes on with those before');
    });
    return changing;
  };
  await change();
  const forget = peers.onChange(() => void change());

  const findFollower = (organisation: string, origin: string): Follower | undefined => {
    const found = followed.get(origin);
    return found?.source.organisation === organisation ? found.follower : undefined;
  };

  return {
    sources: () => [...followed.values()].map(({ source }) => source),
    async status() {
      const rows = await database.query<StatusRow>(READ_STATUS);
      return rows.map((row) => ({
        ...{ origin: row.origin, organisation: row.organisation, held: row.next },
        ...{ mirroredSize: row.mirrored_size, publishedSize: row.published_size },
        ...{ publishedAt: row.published_at ?? undefined, checkedAt: row.checked_at ?? undefined },
        frozen: row.frozen ?? undefined,
        target: followed.get(row.origin)?.follower.state.target,
        trouble: followed.get(row.origin)?.follower.state.trouble,
      }));
    },
    mirror: (originHash) => openMirrorFiles(stores, originHash),
    async applyPackage(organisation, { origin, start, end, note, bundle }, gone = NEVER) {
      const follower = findFollower(organisation, origin);
      if (follower === undefined) return;
      if (bundle === undefined) return follower.fetchTo(end, { note, gone });
      const arrival = readPackage({ start, end, note, bundle });
      if (arrival !== undefined) await follower.arrive(arrival, gone);
    },
    async applyCheckpoint(organisation, { origin, note }, gone = NEVER) {
      const { size } = reopenHead(note);
      await findFollower(organisation, origin)?.arrive({ note, size }, gone);
    },
    wake(origin) {
      const woken = origin === undefined ? [...followed.values()] : [followed.get(origin)];
      for (const one of woken) one?.follower.wake();
    },
    async close() {
      forget();
      await changing;
      await Promise.all([...followed.values()].map(({ follower }) => follower.stop()));
    },
  };
}

function follow(deps: Omit<FollowDeps, 'onPublished'>, peer: Peer): Followed {
  const listeners = new Set<() => void>();
  const onPublished = (): void => {
    for (const listener of listeners) listener();
  };
  const follower = new Follower({ ...deps, onPublished }, peer);
  follower.start();
  const { origin } = follower;
  const publishedSize = async (): Promise<bigint> => {
    const [row] = await deps.database.query<{ published_size: bigint }>(READ_PUBLISHED, [origin]);
    return row?.published_size ?? 0n;
  };
  return {
    follower,
    source: {
      ...{ origin, organisation: peer.organisation, publishedSize },
      async checkedAt() {
        const [row] = await deps.database.query<{ checked_at: Date | null }>(READ_CHECKED, [origin]);
        return row?.checked_at ?? undefined;
      },
      read: async (start, limit) =>
        readMirrorEntries(deps, origin, { start, limit, size: await publishedSize() }),
      subscribe(listener) {
        const own = (): void => {
          listener();
        };
        listeners.add(own);
        return () => {
          listeners.delete(own);
        };
      },
    },
  };
}
