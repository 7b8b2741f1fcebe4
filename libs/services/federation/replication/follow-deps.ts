import type { Fetch } from '@dockchains/client';
import type { Cosigner } from '@dockchains/tlog';

import type { Evidence } from '../gossip/evidence.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import type { Cosigned } from './cosigned.ts';
import type { ReplicaStores } from './replica.ts';

/** What is said of a replica while it is followed. */
export type FollowLog = {
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
};

/** What following a log takes. */
export type FollowDeps = ReplicaStores & {
  readonly fetch: Fetch;
  readonly peers: Pick<Peers, 'list' | 'refresh'>;
  /** The organisation's mirror, which cosigns what is held durably. */
  readonly mirror: Cosigner;
  readonly evidence: Evidence;
  readonly clock: () => Date;
  readonly log: FollowLog;
  /** Between two questions to the log's gateway, in milliseconds. */
  readonly pollMs: number;
  /** Hands a cosignature to the log's organisation. */
  readonly deliver: (peer: Peer, cosigned: Cosigned) => Promise<void>;
  /** Hears that more of the log is published. */
  readonly onPublished: () => void;
};

/** How a replica stands in the process that follows it. */
export type FollowState = {
  readonly leading: boolean;
  /** The head that is caught up with, and how far that is. */
  readonly target: bigint | undefined;
  /** Why the last round ended early. */
  readonly trouble: string | undefined;
};
