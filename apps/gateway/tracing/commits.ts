import type { LedgerDeps } from '@dockchains/ledger';

import type { OpenSpan, Tracing } from './tracing.ts';

type CommitListener = NonNullable<LedgerDeps['onStep']>;

/** What each step of the commit protocol is called while it is under way, by its name when it is done. */
const NEXT = {
  sequenced: 'stage',
  staged: 'sign',
  signed: 'publish',
  published: 'promote',
  promoted: undefined,
} as const;

/** Makes each batch of a ledger a span, from its indices on, and each step of the commit protocol one below it. */
export function traceCommits(ledger: string, tracing: Tracing): CommitListener {
  let batchSpan: OpenSpan | undefined;
  let stepSpan: OpenSpan | undefined;
  return (step, { start, end }) => {
    stepSpan?.end();
    if (step === 'sequenced') batchSpan?.end();
    // Of a batch that an earlier leader left, the first steps were done elsewhere.
    if (step === 'sequenced' || batchSpan === undefined) batchSpan = tracing.beginRoot('ledger batch');
    const next = NEXT[step];
    if (next !== undefined) {
      stepSpan = batchSpan.run(() => tracing.beginRoot(`ledger ${next}`));
      return;
    }
    batchSpan.end({ 'dockchains.ledger': ledger, 'dockchains.batch.entries': Number(end - start) });
    batchSpan = undefined;
    stepSpan = undefined;
  };
}
