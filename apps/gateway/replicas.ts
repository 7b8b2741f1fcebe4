import {
  type Evidence,
  type Gossip,
  knownLedger,
  knownReplica,
  openEvidence,
  openGossip,
  openReplication,
  type Peers,
  type Replication,
  type ReplicationDeps,
} from '@dockchains/federation';
import { openKey } from '@dockchains/keys';
import { createCosigner } from '@dockchains/tlog';

import type { GatewayDeps } from './deps.ts';

type ReplicasDeps = Pick<GatewayDeps, 'config' | 'database' | 'ledgers' | 'log' | 'clock'> &
  Pick<ReplicationDeps, 'tiles' | 'deliver'> & { readonly peers: Peers };

/** What is held here of the peers' logs, and what contradicts it. */
export interface Replicas {
  readonly evidence: Evidence;
  readonly gossip: Gossip;
  readonly replication: Replication;
  /** Ends after what is under way. */
  close(): Promise<void>;
}

/** Starts to replicate the peers' public logs, and to compare with them what each has seen. @throws KeyError */
export async function openReplicas({ peers, ...deps }: ReplicasDeps): Promise<Replicas> {
  const { config, database, ledgers, log, clock, tiles } = deps;
  const { organisation, keysDirectory } = config;
  const privateKey = await openKey(keysDirectory, 'mirror');
  const mirror = createCosigner({ name: `${organisation}/mirror`, privateKey });
  const evidence = openEvidence({ database, clock, log });
  const own = knownLedger(ledgers.public, organisation);
  const replication = await openReplication({ ...deps, ...{ tiles, peers, mirror, evidence } });
  const gossip = openGossip({
    ...{ peers, evidence, log },
    known: async () => [own, ...(await peers.list()).map((peer) => knownReplica({ database, tiles }, peer))],
  });
  return {
    ...{ evidence, gossip, replication },
    async close() {
      await gossip.close();
      await replication.close();
    },
  };
}
