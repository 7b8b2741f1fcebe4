import type { LedgerDeps, LedgerName, Ledgers } from '@dockchains/ledger';
import { Gauge, Histogram, type Registry } from 'prom-client';

type Step = Parameters<NonNullable<LedgerDeps['onStep']>>;

/** A batch of which the database knows since when its oldest record waited; a batch that another leader left is without. */
interface TimedBatch {
  readonly end: bigint;
  readonly oldestQueuedAt?: Date;
}

/** The ledgers' part of `/metrics`. */
export interface LedgerMetrics {
  observeStep(ledger: LedgerName, ...step: Step): void;
  watch(ledgers: Ledgers): void;
  /** Reads how the watched ledgers stand; those whose database is away stay as they were. */
  refresh(): Promise<void>;
}

const BUCKETS_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 30, 60, 300,
];

/** Adds the ledgers' metrics to a registry. */
export function addLedgerMetrics(registry: Registry): LedgerMetrics {
  const registers = [registry];
  const labelNames = ['ledger'] as const;
  const gauge = (name: string, help: string): Gauge<'ledger'> =>
    new Gauge({ name: `dockchains_ledger_${name}`, help, labelNames, registers });
  const size = gauge('entries', 'Entries that have their index.');
  const published = gauge('published_entries', 'Entries under the published checkpoint.');
  const queued = gauge(
    'queued_records',
    'Acknowledged records that wait for their index; never less than there are.',
  );
  const leading = gauge('leading', '1 while this gateway sequences.');
  const frozen = gauge('frozen', '1 while the ledger refuses writes.');
  const checkpoint = gauge('checkpoint_timestamp_seconds', 'When the checkpoint was published last.');

  const latency = (name: string, help: string): Histogram<'ledger'> =>
    new Histogram({
      name: `dockchains_ledger_${name}_seconds`,
      help,
      labelNames,
      buckets: BUCKETS_SECONDS,
      registers,
    });
  const integration = latency(
    'integration',
    'From the queue to an index, of the oldest record of each batch.',
  );
  const publication = latency(
    'publication',
    'From the queue to a checkpoint, of the oldest record of each batch.',
  );

  const steps = new Histogram({
    name: 'dockchains_ledger_step_seconds',
    help: 'What a step of the commit protocol took, by the step that was done then.',
    labelNames: ['ledger', 'step'],
    buckets: BUCKETS_SECONDS,
    registers,
  });

  const stepEnds = new Map<LedgerName, number>();
  let watched: Ledgers | undefined;
  return {
    observeStep(ledger, step, batch) {
      const before = stepEnds.get(ledger);
      const now = performance.now();
      stepEnds.set(ledger, now);
      // What lies before the indices is waiting, and not always for work.
      if (step !== 'sequenced' && before !== undefined) {
        steps.observe({ ledger, step }, (now - before) / 1000);
      }
      const { oldestQueuedAt }: TimedBatch = batch;
      if (oldestQueuedAt === undefined) return;
      // The database's clock against ours: with clocks that differ it may come out below zero.
      const seconds = Math.max(0, (Date.now() - oldestQueuedAt.getTime()) / 1000);
      if (step === 'sequenced') integration.observe({ ledger }, seconds);
      if (step === 'published') publication.observe({ ledger }, seconds);
    },
    watch(ledgers) {
      watched = ledgers;
    },
    async refresh() {
      const refresh = async (ledger: Ledgers['all'][number]): Promise<void> => {
        const status = await ledger.status().catch(() => undefined);
        // The process's own metrics are wanted most when the database is away.
        if (status === undefined) return;
        const labels = { ledger: ledger.name };
        size.set(labels, Number(status.size));
        published.set(labels, Number(status.publishedSize));
        queued.set(labels, Number(status.queued));
        leading.set(labels, status.leading ? 1 : 0);
        frozen.set(labels, status.frozen === undefined ? 0 : 1);
        checkpoint.set(labels, status.publishedAt.getTime() / 1000);
      };
      await Promise.all((watched?.all ?? []).map(refresh));
    },
  };
}
