import {
  createOwnDescriptor,
  createPeers,
  findSealingOnRecord,
  keepPeersBesideKeys,
  type OwnDescriptor,
  type OwnDescriptorDeps,
  type Peers,
} from '@dockchains/federation';
import { LedgerError } from '@dockchains/ledger';

import type { GatewayDeps } from './deps.ts';
import { describeKeys, type OpenedKeys } from './describe-keys.ts';
import type { LedgerKeys } from './ledgers.ts';

type FederationDeps = Pick<GatewayDeps, 'config' | 'database' | 'ledgers' | 'log' | 'clock' | 'publicUrl'> & {
  readonly fetch: typeof globalThis.fetch;
};

/** What the organisation is among others. */
export type Federation = {
  readonly descriptor: OwnDescriptor;
  readonly peers: Peers;
  readonly close: () => Promise<void>;
};

/**
 * Opens the organisation's descriptor and its peers. Where keys or addresses are others than those of the last descriptor, a
 * new one is signed first.
 * @throws KeyError, LedgerError
 */
export async function openFederation(
  deps: FederationDeps,
  opened: OpenedKeys & Pick<LedgerKeys, 'sealing'>,
): Promise<Federation> {
  const { config, database, ledgers, log, clock } = deps;
  const { organisation, keysDirectory, insecure } = config;
  const descriptor = createOwnDescriptor({
    ...{ database, organisation, keysDirectory, clock },
    ...{ ledgers, now: await describeNow(deps, opened) },
  });
  opened.sealing.follow(() => findSealingOnRecord(database, ledgers.public));
  try {
    await descriptor.renew();
  } catch (error) {
    // Reads go on without: the next start, or whoever asks for it, tries again.
    if (!(error instanceof LedgerError)) throw error;
    log.warn({ err: error }, 'descriptor not renewed');
  }
  const peers = createPeers({
    ...{ database, organisation, clock, log, insecure, fetch: deps.fetch, own: descriptor },
  });
  const stopKeeping = keepPeersBesideKeys({ database, keysDirectory, peers, log });
  return {
    ...{ descriptor, peers },
    async close() {
      await stopKeeping();
      await peers.close();
    },
  };
}

async function describeNow(
  { config, publicUrl }: FederationDeps,
  opened: OpenedKeys,
): Promise<OwnDescriptorDeps['now']> {
  return {
    keys: await describeKeys(config, opened),
    endpoints: {
      registry: new URL(publicUrl).host,
      log: `${publicUrl}/log`,
      witness: `${publicUrl}/witness`,
      mirror: `${publicUrl}/mirror`,
      graphql: `${publicUrl}/graphql`,
      nats: config.natsUrl ?? null,
    },
  };
}
