import {
  type Evidence,
  type Gossip,
  type KnownLog,
  knownLedger,
  knownPeer,
  logKeysOf,
  openEvidence,
  openGossip,
  openReplication,
  openUndecided,
  type Peers,
  type Replication,
  type ReplicationDeps,
  type SignedDescriptor,
  type Undecided,
} from '@dockchains/federation';
import { openKey } from '@dockchains/keys';
import { LedgerError } from '@dockchains/ledger';
import { createCosigner } from '@dockchains/tlog';

import type { GatewayDeps } from './deps.ts';

type ReplicasDeps = Pick<GatewayDeps, 'config' | 'database' | 'ledgers' | 'log' | 'clock' | 'descriptor'> &
  Pick<ReplicationDeps, 'tiles' | 'deliver' | 'fetch'> & { readonly peers: Peers };

/** What is held here of the peers' logs, and what contradicts it. */
export interface Replicas {
  readonly evidence: Evidence;
  readonly undecided: Undecided;
  readonly gossip: Gossip;
  readonly replication: Replication;
  /** Ends after what is under way. */
  close(): Promise<void>;
}

/**
 * Starts to replicate the peers' public logs, and to compare with them what each has seen of every ledger, our own among them: one of
 * ours is frozen when its key is proven to have signed two histories.
 * @throws KeyError
 */
export async function openReplicas({ peers, descriptor, ...deps }: ReplicasDeps): Promise<Replicas> {
  const { config, database, ledgers, log, clock, tiles } = deps;
  const { organisation, keysDirectory } = config;
  const privateKey = await openKey(keysDirectory, 'mirror');
  const mirror = createCosigner({ name: `${organisation}/mirror`, privateKey });
  const freezeOwn = async (origin: string, reason: string): Promise<void> =>
    ledgers.find(origin)?.freeze(reason);
  const evidence = openEvidence({ database, clock, log, freezeOwn });
  const undecided = openUndecided({ database, clock, log });
  const own = async (): Promise<KnownLog[]> => {
    const said = await findDescriptor(descriptor);
    return ledgers.all.map((ledger) =>
      knownLedger(
        ledger,
        organisation,
        said && logKeysOf(said, ledger.name === 'public' ? 'public' : 'private'),
      ),
    );
  };
  const replication = await openReplication({ ...deps, ...{ tiles, peers, mirror, evidence } });
  const gossip = openGossip({
    ...{ peers, evidence, undecided, log, ...(deps.fetch && { fetch: deps.fetch }) },
    async known() {
      const active = await peers.list();
      if (active.length === 0) return [];
      return [...(await own()), ...active.flatMap((peer) => knownPeer({ database, tiles }, peer))];
    },
  });
  return {
    ...{ evidence, undecided, gossip, replication },
    async close() {
      await gossip.close();
      await replication.close();
    },
  };
}

/** What names the keys that our ledgers had; undefined while a frozen ledger lets no new descriptor be signed. */
async function findDescriptor(
  own: GatewayDeps['descriptor'],
): Promise<SignedDescriptor['descriptor'] | undefined> {
  try {
    return (await own.get()).descriptor;
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}
