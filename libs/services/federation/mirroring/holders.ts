import { type Fetch, openSession, type Session } from '@dockchains/client';
import { shareLookups } from '@dockchains/database';
import { parseRepositoryName, type RepositoryName } from '@dockchains/oci';
import { LRUCache } from 'lru-cache';

import { fetchWithin } from '../direct-fetch.ts';
import type { Peer, Peers } from '../peers/peers.ts';

/** A gateway that may have another organisation's content, and under which name. */
export interface Holder {
  readonly organisation: string;
  /** Whether the content is its own. */
  readonly isOrigin: boolean;
  readonly repository: RepositoryName;
  readonly session: Session;
}

/** Who may have the content of organisations' repositories. */
export interface Holders {
  /**
   * Those to ask for content of a repository, in the order to ask them: its origin, then the other peers; whoever failed lately comes last,
   * because he may be all there is.
   */
  list(organisation: string, repository: RepositoryName): Promise<readonly Holder[]>;
  /** Puts a holder last for half a minute: it could not be reached, or gave what was not asked for. */
  avoid(holder: Holder): void;
}

const AVOID_MS = 30_000;
const MAX_AVOIDED = 1_000;

/** How holders are asked: by which fetch, and until when. */
export interface HolderRequests {
  readonly fetch?: Fetch | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Opens the holders among the active peers. */
export function openHolders(peers: Pick<Peers, 'list'>, { fetch, signal }: HolderRequests = {}): Holders {
  const avoided = new LRUCache<string, true>({ max: MAX_AVOIDED, ttl: AVOID_MS });
  const sessions = new LRUCache<string, Session>({ max: MAX_AVOIDED });
  const listPeers = shareLookups<'all', readonly Peer[]>({
    identify: (all) => all,
    lookUpAll: async () => [await peers.list()],
  });
  const sessionOf = (url: string): Session => {
    const known = sessions.get(url) ?? openSession({ url, signal, fetch: fetchWithin(url, fetch) });
    sessions.set(url, known);
    return known;
  };
  return {
    async list(organisation, repository) {
      const holders = (await listPeers('all')).map((peer): Holder => {
        const isOrigin = peer.organisation === organisation;
        const name = isOrigin ? repository : parseRepositoryName(`${organisation}/${repository}`);
        const session = sessionOf(peer.url);
        return { organisation: peer.organisation, isOrigin, repository: name, session };
      });
      const rank = (holder: Holder): number =>
        (avoided.has(holder.session.url) ? 2 : 0) + (holder.isOrigin ? 0 : 1);
      return holders.toSorted((one, other) => rank(one) - rank(other));
    },
    avoid(holder) {
      avoided.set(holder.session.url, true);
    },
  };
}
