import { Counter, Histogram, type Registry } from 'prom-client';

/** What is counted of the cosignatures that the ledgers ask for. */
export interface WitnessMetrics {
  /** A witness, by its name in the policy, cosigned or did not. */
  observeAnswer(ledger: string, answer: { readonly witness: string; readonly isCosigned: boolean }): void;
  /** A head was published that had waited for cosignatures. */
  observePublished(ledger: string, waitedMs: number): void;
}

const BUCKETS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 300, 3600];

/** Adds the witnesses' metrics to a registry. */
export function addWitnessMetrics(registry: Registry): WitnessMetrics {
  const registers = [registry];
  const waits = new Histogram({
    name: 'dockchains_publication_wait_seconds',
    help: 'From the announcement of a signed checkpoint to its publication.',
    labelNames: ['ledger'],
    buckets: BUCKETS_SECONDS,
    registers,
  });
  const answers = new Counter({
    name: 'dockchains_witness_answers_total',
    help: 'Requests to witnesses, by whether they cosigned.',
    labelNames: ['ledger', 'witness', 'outcome'],
    registers,
  });
  return {
    observeAnswer(ledger, { witness, isCosigned }) {
      answers.inc({ ledger, witness, outcome: isCosigned ? 'cosigned' : 'failed' });
    },
    observePublished(ledger, waitedMs) {
      waits.observe({ ledger }, Math.max(0, waitedMs) / 1000);
    },
  };
}
