import { type BlobStore, BlobStoreError } from '@dockchains/blobs';
import type { Database } from '@dockchains/database';
import type { LedgerDeps, LedgerName, Ledgers } from '@dockchains/ledger';
import type { CollectionRun } from '@dockchains/registry';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { openCollectionMetrics } from './collection-metrics.ts';
import { addFederationMetrics, type WatchedFederation } from './federation-metrics.ts';
import { addLedgerMetrics } from './ledger-metrics.ts';
import { addWitnessMetrics, type WitnessMetrics } from './witness-metrics.ts';

type StepListener = NonNullable<LedgerDeps['onStep']>;

/** What `/metrics` shows, and what others add to it. Labels are names that this program chose. */
export interface Metrics {
  readonly contentType: string;
  /** Counts an answered request; `route` is one of the routes' names, never a path. */
  observeRequest(labels: { route: string; method: string; status: number }, seconds: number): void;
  /** Counts bytes that uploads took in, also of those that broke off. */
  countReceived(bytes: number): void;
  /** Counts bytes of blobs that were sent whole. */
  countSent(bytes: number): void;
  /** Counts what a run of the collection did in the background. */
  observeCollection(run: CollectionRun, seconds: number): void;
  /** Notes a step of a ledger's commit protocol, if this gateway leads it. */
  observeStep(ledger: LedgerName, ...step: Parameters<StepListener>): void;
  /** Of the cosignatures that are asked for. */
  readonly witnesses: WitnessMetrics;
  /** Shows these ledgers from now on. */
  watch(ledgers: Ledgers): void;
  /** Shows how other organisations' ledgers stand from now on. */
  watchFederation(federation: WatchedFederation): void;
  /** All metrics in Prometheus' text format; those of the ledgers as of now, or as of the last time that the database answered. */
  render(): Promise<string>;
}

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** Opens the metrics of one gateway. */
export function openMetrics(database: Pick<Database, 'connections'>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'dockchains_http_request_duration_seconds',
    help: 'Time from a request’s first byte to the end of its answer.',
    labelNames: ['route', 'method', 'status'],
    buckets: BUCKETS_SECONDS,
    registers,
  });
  const received = new Counter({
    name: 'dockchains_upload_received_bytes_total',
    help: 'Bytes that uploads of blobs took in.',
    registers,
  });
  const sent = new Counter({
    name: 'dockchains_blob_sent_bytes_total',
    help: 'Bytes of blobs, and of ranges of them, whose answers were sent whole.',
    registers,
  });
  const collection = openCollectionMetrics(registry);
  addConnections(registry, database);
  const ledgerMetrics = addLedgerMetrics(registry);
  const federationMetrics = addFederationMetrics(registry);

  return {
    contentType: registry.contentType,
    witnesses: addWitnessMetrics(registry),
    observeRequest: (labels, seconds) => {
      requests.observe(labels, seconds);
    },
    observeCollection: collection,
    countReceived: (bytes) => {
      received.inc(bytes);
    },
    countSent: (bytes) => {
      sent.inc(bytes);
    },
    observeStep: (...step) => {
      ledgerMetrics.observeStep(...step);
    },
    watch: (ledgers) => {
      ledgerMetrics.watch(ledgers);
    },
    watchFederation: (federation) => {
      federationMetrics.watch(federation);
    },
    async render() {
      await Promise.all([ledgerMetrics.refresh(), federationMetrics.refresh()]);
      return registry.metrics();
    },
  };
}

/** The blob store, counting what its uploads take in. */
export function countUploads(blobs: BlobStore, metrics: Pick<Metrics, 'countReceived'>): BlobStore {
  return {
    ...blobs,
    async appendUpload(...call) {
      try {
        const appended = await blobs.appendUpload(...call);
        metrics.countReceived(appended.received);
        return appended;
      } catch (error) {
        if (error instanceof BlobStoreError) metrics.countReceived(error.received);
        throw error;
      }
    },
    async receiveShort(...call) {
      const short = await blobs.receiveShort(...call);
      if ('bytes' in short) metrics.countReceived(short.bytes.length);
      return short;
    },
  };
}

function addConnections(registry: Registry, database: Pick<Database, 'connections'>): void {
  new Gauge({
    name: 'dockchains_database_connections',
    help: 'Connections of the pool to PostgreSQL.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { open, idle } = database.connections();
      this.set({ state: 'idle' }, idle);
      this.set({ state: 'busy' }, open - idle);
    },
  });
  new Gauge({
    name: 'dockchains_database_waiting_queries',
    help: 'Queries that wait for a connection of the pool.',
    registers: [registry],
    collect() {
      this.set(database.connections().waiting);
    },
  });
}
