import { originOf, type Peer, type ReplicaStatus } from '@dockchains/federation';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';

/** How the enum's values are written within the gateway. */
export const PEER_STATES = { MUTUAL: 'mutual', WAITING: 'waiting', REMOVED: 'removed' };

/** Resolvers of schema/peer.graphql. Who federates with whom is open to everybody. */
export const peerTypes = {
  Query: {
    peers: async (
      _: unknown,
      { removed, ...page }: PageArgs & { readonly removed: boolean },
      { peers }: GraphqlContext,
    ): Promise<Connection<Peer>> => {
      const all = await (removed ? peers.all() : peers.list());
      return readConnection(page, {
        list: ['peers', String(removed)],
        keyOf: ({ organisation }) => organisation,
        read: ({ after = '', limit }) =>
          Promise.resolve(all.filter(({ organisation }) => organisation > after).slice(0, limit)),
      });
    },
    peer: async (
      _: unknown,
      { organisation }: { readonly organisation: string },
      { peers }: GraphqlContext,
    ): Promise<Peer | undefined> => (await peers.all()).find((peer) => peer.organisation === organisation),
  },

  Mutation: {
    addPeer: async (
      _: unknown,
      request: { readonly url: string; readonly fingerprint: string },
      { access, principal, peers }: GraphqlContext,
    ): Promise<Peer> => {
      await access.requireOperator(principal);
      return peers.add(request);
    },
    removePeer: async (
      _: unknown,
      { organisation }: { readonly organisation: string },
      { access, principal, peers }: GraphqlContext,
    ): Promise<Peer> => {
      await access.requireOperator(principal);
      return peers.remove(organisation);
    },
  },

  Peer: {
    state: ({ state, mutual }: Peer): string =>
      state === 'removed' ? 'removed' : mutual ? 'mutual' : 'waiting',
    descriptorNumber: ({ descriptor }: Peer): number => descriptor.number,
    registry: ({ descriptor }: Peer): string => descriptor.endpoints.registry,
    connected: ({ organisation }: Peer, _: unknown, { messages }: GraphqlContext): boolean =>
      messages.status().peers.includes(organisation),
    replica: async (
      peer: Peer,
      _: unknown,
      { replicaStatus }: GraphqlContext,
    ): Promise<ReplicaStatus | undefined> => {
      // Not one that was closed before.
      const origin = originOf(peer);
      return (await replicaStatus()).find((replica) => replica.origin === origin);
    },
  },

  Replica: {
    equivocation: async (
      { origin }: ReplicaStatus,
      _: unknown,
      { replicas }: GraphqlContext,
    ): Promise<string | undefined> => (await replicas.evidence.find(origin))?.proof,
  },
};
