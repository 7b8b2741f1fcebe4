import type { GatewayDeps } from './deps.ts';

/** The collection in the background, until it is stopped. */
export interface Collecting {
  /** Lets the step under way end. */
  stop(): Promise<void>;
}

const MAX_INTERVAL_MS = 60_000;
const MIN_INTERVAL_MS = 250;
const RUNS_PER_LEASE = 10;

/**
 * Collects ten times in a lease, at least each minute, on the gateway that sequences: it has compared the database with the
 * tile store, and knows that it was not put back to an earlier state.
 */
export function startCollecting(
  deps: Pick<GatewayDeps, 'config' | 'ledgers' | 'registry' | 'metrics' | 'log'>,
): Collecting {
  const { collectionLeaseSeconds } = deps.config;
  const leaseMs = collectionLeaseSeconds * 1000;
  const intervalMs = Math.max(MIN_INTERVAL_MS, Math.min(MAX_INTERVAL_MS, leaseMs / RUNS_PER_LEASE));
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= run(deps, stopping.signal).finally(() => {
      running = undefined;
    });
  }, intervalMs).unref();
  return {
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await running;
    },
  };
}

async function run(
  { ledgers, registry, metrics, log }: Parameters<typeof startCollecting>[0],
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  try {
    const { leading, frozen } = await ledgers.public.status();
    if (!leading || frozen !== undefined) return;
    const done = await registry.runCollection(signal);
    if (done === undefined) return;
    metrics.observeCollection(done, (performance.now() - started) / 1000);
    if (done.released > 0 || done.freedFiles > 0) log.info({ ...done }, 'unneeded content collected');
  } catch (error) {
    log.warn({ err: error }, 'collecting failed: the next run goes on');
  }
}
