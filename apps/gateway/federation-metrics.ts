import type { Catalog } from '@dockchains/catalog';
import type { Messages, Replication } from '@dockchains/federation';
import { Gauge, type Registry } from 'prom-client';

/** What they show. */
export interface WatchedFederation {
  readonly catalog: Pick<Catalog, 'status'>;
  readonly replication: Pick<Replication, 'status'>;
  readonly messages: Pick<Messages, 'status' | 'countDeadLetters'>;
}

/** The part of `/metrics` about other organisations' ledgers. Whose ledgers there are is open to everybody. */
export interface FederationMetrics {
  watch(federation: WatchedFederation): void;
  /** Reads how it stands; what the database does not tell stays as it was. */
  refresh(): Promise<void>;
}

/** Adds them to a registry. */
export function addFederationMetrics(registry: Registry): FederationMetrics {
  const registers = [registry];
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name: `dockchains_${name}`, help, labelNames, registers });
  const catalogLag = gauge(
    'catalog_lag_entries',
    'Published entries that searches do not show yet.',
    'origin',
  );
  const replicaLag = gauge(
    'replica_lag_entries',
    'Entries that a peer has published and that are not held here yet.',
    'origin',
  );
  const frozen = gauge('replica_frozen', '1 while nothing more is taken from the ledger.', 'origin');
  const checked = gauge(
    'replica_checked_timestamp_seconds',
    'When the ledger’s own gateway answered last.',
    'origin',
  );
  const connected = gauge('messaging_connected', '1 for each NATS server that is connected.', 'organisation');
  const deadLetters = gauge('dead_letters', 'Messages of peers that were given up on and are kept.');

  let watched: WatchedFederation | undefined;
  const refreshCatalog = async ({ catalog }: WatchedFederation): Promise<void> => {
    const { ledgers } = await catalog.status();
    catalogLag.reset();
    for (const { origin, publishedSize, consumed } of ledgers) {
      catalogLag.set({ origin }, Number(publishedSize - consumed));
    }
  };
  const refreshReplicas = async ({ replication }: WatchedFederation): Promise<void> => {
    const replicas = await replication.status();
    for (const one of [replicaLag, frozen, checked]) one.reset();
    for (const { origin, held, publishedSize, ...replica } of replicas) {
      replicaLag.set({ origin }, Math.max(0, Number(publishedSize - held)));
      frozen.set({ origin }, replica.frozen === undefined ? 0 : 1);
      if (replica.checkedAt !== undefined) checked.set({ origin }, replica.checkedAt.getTime() / 1000);
    }
  };
  const refreshMessages = async ({ messages }: WatchedFederation): Promise<void> => {
    connected.reset();
    for (const organisation of messages.status().peers) connected.set({ organisation }, 1);
    deadLetters.set(await messages.countDeadLetters());
  };
  return {
    watch(federation) {
      watched = federation;
    },
    async refresh() {
      const federation = watched;
      if (federation === undefined) return;
      // The process's own metrics are wanted most when the database is away.
      await Promise.allSettled(
        [refreshCatalog, refreshReplicas, refreshMessages].map((refresh) => refresh(federation)),
      );
    },
  };
}
