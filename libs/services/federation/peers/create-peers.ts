import type { Fetch } from '@dockchains/client';
import type { Database } from '@dockchains/database';

import { FederationError } from '../errors.ts';
import { fetchDescriptor, hasAdded, parsePeerUrl, type PeerRequest } from './fetch-peer.ts';
import type { OwnDescriptor } from './own-descriptor.ts';
import {
  type KeptPeer,
  readPeerRevision,
  readPeers,
  type SeenPeer,
  writePeer,
  writeRemoval,
  writeSeen,
} from './peer-rows.ts';
import type { Peer, Peers } from './peers.ts';
import { sparing } from './sparing.ts';

/** What the peers stand on. */
export type PeersDeps = {
  readonly database: Database;
  readonly organisation: string;
  readonly own: OwnDescriptor;
  readonly fetch: Fetch;
  readonly clock: () => Date;
  readonly log: { info(fields: object, event: string): void; warn(fields: object, event: string): void };
  /** Whether peers that are not on this machine may be reached without TLS. */
  readonly insecure: boolean;
};

const WATCH_MS = 1_000;
const REFRESH_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/** Opens the peers: sees what other gateways of the organisation change, and fetches the peers' descriptors each minute. */
export function createPeers(deps: PeersDeps): Peers {
  const { database, own, fetch, clock, log, insecure } = deps;
  const listeners = new Set<() => void>();
  const plans = new Map<string, { at: number; waitMs: number }>();
  let kept: { revision: bigint; readAt: number; peers: readonly KeptPeer[] } | undefined;
  let reading: Promise<readonly KeptPeer[]> | undefined;
  let isClosed = false;

  const read = async (): Promise<readonly KeptPeer[]> => {
    const revision = await readPeerRevision(database);
    const changed = kept !== undefined && revision !== kept.revision;
    const peers = kept !== undefined && !changed ? kept.peers : await readPeers(database);
    kept = { revision, readAt: performance.now(), peers };
    if (changed) for (const listener of listeners) listener();
    return peers;
  };
  const readShared = (): Promise<readonly KeptPeer[]> =>
    (reading ??= read().finally(() => (reading = undefined)));
  const current = (): Promise<readonly KeptPeer[]> =>
    kept !== undefined && performance.now() - kept.readAt < WATCH_MS
      ? Promise.resolve(kept.peers)
      : readShared();
  const afterwards = async (organisation: string): Promise<Peer> => {
    // What is being read may have been asked for before the change.
    await reading?.catch(() => undefined);
    const found = (await readShared()).find(({ peer }) => peer.organisation === organisation);
    if (found === undefined) throw unknown(organisation);
    return found.peer;
  };
  const see = async (request: PeerRequest): Promise<SeenPeer> => {
    const { envelope, known } = await fetchDescriptor(request);
    const { fingerprint, descriptor } = await own.get();
    const former = descriptor.formerKeys.flatMap(({ role, key }) => (role === 'openpgp' ? [key] : []));
    const fingerprints = [fingerprint, ...former];
    const mutual = await hasAdded(request, { organisation: deps.organisation, fingerprints });
    return { url: request.url, envelope, known, mutual, at: clock() };
  };

  const refreshOne = async (one: KeptPeer): Promise<void> => {
    const { organisation, url, fingerprint } = one.peer;
    const plan = plans.get(organisation) ?? { at: 0, waitMs: FIRST_RETRY_MS };
    const retryMs = Math.min(plan.waitMs * 2, MAX_RETRY_MS);
    plans.set(organisation, { at: performance.now() + plan.waitMs, waitMs: retryMs });
    const seen = await see({ fetch, url, fingerprint, kept: one, insecure });
    await writeSeen(database, one, seen);
    if (seen.mutual) plans.set(organisation, { at: performance.now() + REFRESH_MS, waitMs: FIRST_RETRY_MS });
    if (seen.known.descriptor.number > one.known.descriptor.number) {
      log.info({ peer: organisation, number: seen.known.descriptor.number }, 'peer descriptor followed');
    }
  };
  const tryRefresh = async (one: KeptPeer): Promise<void> => {
    try {
      await refreshOne(one);
    } catch (error) {
      log.warn({ err: error, peer: one.peer.organisation }, 'peer descriptor not refreshed');
    }
  };

  const watch = async (): Promise<void> => {
    try {
      const active = (await readShared()).filter(({ peer }) => peer.state === 'active');
      const due = active.filter(({ peer }) => (plans.get(peer.organisation)?.at ?? 0) <= performance.now());
      for (const one of due) void tryRefresh(one);
    } catch (error) {
      log.warn({ err: error }, 'reading the peers failed');
    }
    schedule();
  };
  let timer: NodeJS.Timeout | undefined;
  const schedule = (): void => {
    if (!isClosed) timer = setTimeout(() => void watch(), WATCH_MS).unref();
  };
  schedule();

  const listActive = async (): Promise<readonly Peer[]> =>
    (await current()).map(({ peer }) => peer).filter(({ state }) => state === 'active');

  return {
    list: listActive,
    all: async () => (await current()).map(({ peer }) => peer),
    find: async (organisation) => (await listActive()).find((peer) => peer.organisation === organisation),

    async add({ url, fingerprint }) {
      const request = {
        ...{ fetch, insecure, url: parsePeerUrl(url, { insecure }) },
        fingerprint: parseFingerprint(fingerprint),
      };
      const before = (await readShared()).find(({ peer }) => peer.fingerprint === request.fingerprint);
      const seen = await see({ ...request, kept: before });
      const { organisation } = seen.known.descriptor;
      const certificates = [request.fingerprint, seen.known.fingerprint];
      requireOther(deps.organisation, seen, { certificates, peers: await readShared() });
      await writePeer(database, seen);
      plans.delete(organisation);
      log.info({ peer: organisation, url: request.url }, 'peer added');
      return afterwards(organisation);
    },

    async remove(organisation) {
      const found = (await readShared()).find(({ peer }) => peer.organisation === organisation);
      if (found?.peer.state !== 'active') throw unknown(organisation);
      await writeRemoval(database, organisation, clock());
      log.info({ peer: organisation }, 'peer removed');
      return afterwards(organisation);
    },

    // Everybody can sign by a key that nobody knows: a peer is not asked anew for each.
    refresh: sparing(async (organisation) => {
      const found = (await readShared()).find(({ peer }) => peer.organisation === organisation);
      if (found?.peer.state !== 'active') return;
      await tryRefresh(found);
      await readShared();
    }),

    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },

    async close() {
      isClosed = true;
      clearTimeout(timer);
      await reading?.catch(() => undefined);
    },
  };
}

function parseFingerprint(text: string): string {
  const fingerprint = text.replace(/[\s:]/g, '').toUpperCase();
  if (/^[0-9A-F]{40}$/.test(fingerprint)) return fingerprint;
  throw new FederationError(
    'PEER_REFUSED',
    'A fingerprint is 40 hexadecimal digits, as gpg --fingerprint prints them.',
  );
}

/** A certificate, or the one that replaced it, may speak for one organisation, another than ours, that no other is pinned for. */
function requireOther(
  own: string,
  { url, known }: SeenPeer,
  { certificates, peers }: { certificates: readonly string[]; peers: readonly KeptPeer[] },
): void {
  const { organisation } = known.descriptor;
  if (organisation === own) {
    throw new FederationError(
      'PEER_REFUSED',
      `${url} is a gateway of ${own} itself, which can't be its own peer.`,
    );
  }
  const pinned = peers.find(({ peer }) => peer.organisation === organisation)?.peer;
  if (pinned === undefined || pinned.state === 'removed' || certificates.includes(pinned.fingerprint)) return;
  throw new FederationError(
    'PEER_REFUSED',
    `${organisation} is a peer by the certificate ${pinned.fingerprint}: remove it first if the organisation has a new one.`,
  );
}

function unknown(organisation: string): FederationError {
  return new FederationError('PEER_UNKNOWN', `${organisation.slice(0, 253)} is not a peer.`);
}
