import type { Ledgers } from '@dockchains/ledger';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What `/metrics` shows, and what the server adds to it. */
export interface Metrics {
  readonly contentType: string;
  /** Counts an answered request; `route` is one of the routes' names, never a path. */
  observeRequest(labels: { route: string; method: string; status: number }, seconds: number): void;
  /** All metrics in Prometheus' text format; those of the ledgers as of now, or as of the last time that the database answered. */
  render(): Promise<string>;
}

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** Opens the metrics of one gateway and its ledgers. */
export function openMetrics(ledgers: Ledgers): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'dockchains_http_request_duration_seconds',
    help: 'Time from a request’s first byte to the end of its answer.',
    labelNames: ['route', 'method', 'status'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  const gauge = (name: string, help: string): Gauge<'ledger'> =>
    new Gauge({ name: `dockchains_ledger_${name}`, help, labelNames: ['ledger'], registers: [registry] });
  const size = gauge('entries', 'Entries that have their index.');
  const published = gauge('published_entries', 'Entries under the published checkpoint.');
  const queued = gauge('queued_records', 'Acknowledged records that wait for their index.');
  const frozen = gauge('frozen', '1 while the ledger refuses writes.');
  const checkpoint = gauge('checkpoint_timestamp_seconds', 'When the checkpoint was published last.');

  return {
    contentType: registry.contentType,
    observeRequest: (labels, seconds) => {
      requests.observe(labels, seconds);
    },
    async render() {
      await Promise.all(
        ledgers.all.map(async (ledger) => {
          const status = await ledger.status().catch(() => undefined);
          // The process's own metrics are wanted most when the database is away.
          if (status === undefined) return;
          const labels = { ledger: ledger.name };
          size.set(labels, Number(status.size));
          published.set(labels, Number(status.publishedSize));
          queued.set(labels, Number(status.queued));
          frozen.set(labels, status.frozen === undefined ? 0 : 1);
          checkpoint.set(labels, status.publishedAt.getTime() / 1000);
        }),
      );
      return registry.metrics();
    },
  };
}
