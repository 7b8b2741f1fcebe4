import type { LedgerName } from '@dockchains/ledger';

import type { CommitListener } from './ledgers.ts';
import type { Metrics } from './metrics.ts';
import { traceCommits } from './tracing/commits.ts';
import type { Tracing } from './tracing/tracing.ts';

/** Lets metrics, traces and whoever started the gateway hear of each ledger's commit protocol; the last of them may hold it up. */
export function observeCommits({
  metrics,
  tracing,
  onStep,
}: {
  readonly metrics: Metrics;
  readonly tracing: Tracing | undefined;
  readonly onStep?: CommitListener | undefined;
}): (ledger: LedgerName) => CommitListener {
  return (ledger) => {
    const trace = tracing === undefined ? undefined : traceCommits(ledger, tracing);
    return (step, batch) => {
      metrics.observeStep(ledger, step, batch);
      void trace?.(step, batch);
      return onStep?.(step, batch);
    };
  };
}
