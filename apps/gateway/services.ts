import { createAccess } from '@dockchains/access';
import { openFileBlobStore, openFileTileStore } from '@dockchains/blobs';
import { openCatalog, openedSource } from '@dockchains/catalog';
import { migrate, openDatabase } from '@dockchains/database';
import {
  type Gossip,
  listClosedLedgers,
  type Messages,
  openMirroring,
  restorePeers,
} from '@dockchains/federation';
import { openKey } from '@dockchains/keys';
import type { LedgerDeps, LedgerName, Publication } from '@dockchains/ledger';
import { createRegistry, openReplay } from '@dockchains/registry';
import type { FastifyBaseLogger } from 'fastify';

import type { Config } from './config.ts';
import type { GatewayDeps } from './deps.ts';
import { openFederation } from './federation.ts';
import { openLedgers, openLedgerKeys } from './ledgers.ts';
import { observeCommits } from './commit-observers.ts';
import { askWitnesses, deliverCosigned, openGatewayMessages } from './messages.ts';
import { countUploads, openMetrics } from './metrics.ts';
import { openRandomBytes } from './random-bytes.ts';
import { openReplicas } from './replicas.ts';
import { traceBlobs, traceDatabase } from './tracing/stores.ts';
import { type AwaitPart, fetchUntil } from './stop.ts';
import type { Tracing } from './tracing/tracing.ts';
import { openWitnessing } from './witnessing.ts';

/** Who hears of the ledger's commit protocol, step by step. */
export type CommitObserver = Pick<LedgerDeps, 'onStep'>;

/** The opened stores and services of one gateway. */
export interface Services extends GatewayDeps {
  /** Ends what is asked of others, then part by part what is under way, at last the ledgers' work and the database's connections. */
  close(awaitPart?: AwaitPart): Promise<void>;
}

type OpenOptions = CommitObserver & {
  readonly log: FastifyBaseLogger;
  readonly publicUrl: string;
  readonly tracing: Tracing | undefined;
};

/**
 * Brings the database up to date, opens stores and keys, and wires the services. What opens last closes first.
 * @throws DatabaseError, KeyError, LedgerError, BlobStoreError
 */
export async function openServices(
  config: Config,
  { log, publicUrl, tracing, onStep }: OpenOptions,
): Promise<Services> {
  const { organisation, keysDirectory, checkpointIntervalMs } = config;
  const clock = (): Date => new Date();
  // A peer that does not answer must not keep us from stopping.
  const stopping = new AbortController();
  const fetch = fetchUntil(stopping.signal);
  const applied = await migrate(config.databaseUrl);
  if (applied.length > 0) log.info({ migrations: applied }, 'database migrated');

  const keys = await openLedgerKeys({ organisation, keysDirectory, publicUrl });
  const tokenKey = await openKey(keysDirectory, 'token');
  const receiptKey = await openKey(keysDirectory, 'receipt');

  const opened = openDatabase(config.databaseUrl);
  const metrics = openMetrics(opened);
  const counted = countUploads(await openFileBlobStore(config.blobs), metrics);
  const blobs = tracing === undefined ? counted : traceBlobs(counted, tracing);
  const tiles = await openFileTileStore(config.tiles);
  const database = tracing === undefined ? opened : traceDatabase(opened, tracing);
  // Ledgers begin to sign before there is anything to send with.
  let messages: Messages | undefined;
  // And to witness before there is what heads are compared with.
  let gossip: Gossip | undefined;
  try {
    const restored = await restorePeers({ database, keysDirectory, clock });
    if (restored.length > 0) log.warn({ peers: restored }, 'peers restored: the database had lost them');
    const access = createAccess({
      ...{ database, tokenKey, organisation, clock, publicUrl, limits: config.rateLimits },
    });
    const witnessing = await openWitnessing(
      { config, database, log, clock, publicUrl, fetch, metrics: metrics.witnesses },
      keys,
    );
    const publicationOf = (name: LedgerName): Publication => {
      const publication = witnessing.publicationOf(name);
      return {
        ...publication,
        announce() {
          publication.announce();
          messages?.wake();
        },
      };
    };
    const common = { database, tiles, keysDirectory, clock, checkpointIntervalMs, log };
    const ledgers = await openLedgers(
      {
        ...{ ...common, organisation, publicUrl, publicationOf },
        replayOf: (name) => openReplay(blobs, name),
        onStepOf: observeCommits({ metrics, tracing, onStep }),
      },
      keys,
    );
    metrics.watch(ledgers);
    const stores = { database, blobs, access, ledgers };
    const registry = createRegistry({
      ...{ ...stores, receiptKey, organisation, clock, randomBytes: openRandomBytes() },
      acknowledge: config.acknowledge,
      leaseSeconds: config.collectionLeaseSeconds,
    });
    const own = [ledgers.public.source(organisation), openedSource(ledgers.private, organisation)];
    // Cosignatures publish at once, whoever brings them, and the sequencer hears of it in its next round.
    for (const source of own) source.subscribe(() => messages?.wake());
    const federation = await openFederation(
      { config, database, ledgers, log, clock, publicUrl, fetch },
      { receiptKey, sealing: keys.sealing, logs: keys.newest },
    );
    const { peers, descriptor } = federation;
    const { witness, close: closeWitnessing } = await witnessing.start({
      ...{ ledgers, peers, descriptor, ask: askWitnesses(() => messages, fetch) },
      compare: async (origin, note) => gossip?.compare(origin, note),
      explain: async (origin) => gossip?.explain(origin),
    });
    const deliver = deliverCosigned(() => messages, fetch);
    const replicas = await openReplicas({
      ...{ config, database, tiles, ledgers, log, clock, peers, descriptor, deliver, fetch },
    });
    gossip = replicas.gossip;
    const sources = () => [...own, ...replicas.replication.sources()];
    const catalog = openCatalog({ database, access, organisation, sources, log });
    const { replication } = replicas;
    const mirroring = openMirroring({
      ...{ database, blobs, registry, peers, replication, organisation, clock, log, fetch },
      signal: stopping.signal,
    });
    const connected = await openGatewayMessages({
      ...{ config, database, ledgers, log, peers, replicas, witness, fetch },
    });
    messages = connected;
    metrics.watchFederation({ catalog, replication, messages });
    return {
      ...{ access, catalog, database, ledgers, registry, config, log, metrics, tracing, clock, publicUrl },
      ...{ descriptor, peers, replicas, witness, mirroring, messages: connected },
      closedLedgers: () => listClosedLedgers({ ...config, peers, replication }),
      async close(awaitPart = (_part, end) => end()) {
        stopping.abort();
        await awaitPart('catalog', () => catalog.close());
        await awaitPart('messages', () => connected.close());
        await awaitPart('mirrors', () => mirroring.close());
        await awaitPart('replicas', () => replicas.close());
        await awaitPart('witnesses', closeWitnessing);
        await awaitPart('peers', () => federation.close());
        await awaitPart('ledgers', () => ledgers.close());
        await awaitPart('database', () => database.close());
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}
