import type { Server } from 'node:http';

import { pino } from 'pino';

import { startCollecting } from './collecting.ts';
import type { Config } from './config.ts';
import { listen } from './listener.ts';
import { describeError } from './log-errors.ts';
import { openServer } from './server.ts';
import { openServices, type CommitObserver, type Services } from './services.ts';
import { boundStop } from './stop.ts';
import { openTracing } from './tracing/tracing.ts';

// What of its time a stop keeps for all that comes behind the requests.
const CLOSE_MS = 4_000;
const SWEEP_MS = 3_600_000;
const IDLE_CHECK_MS = 50;

/** Runs the gateway until SIGTERM or SIGINT, then ends what is under way, and the process. */
export async function serve(config: Config, observer: CommitObserver = {}): Promise<void> {
  const stopped = nextSignal();
  const log = pino({ level: config.logLevel, serializers: { err: describeError } });
  const { server: listener, address } = await listen(config.listen);
  const publicUrl = config.publicUrl ?? `http://${address}`;
  const tracing = await openTracing(config, log);
  const services = await openServices(config, { log, publicUrl, tracing, ...observer });
  const server = await openServer(listener, services);
  const sweeper = startSweeping(services);
  const collecting = startCollecting(services);
  log.info({ address, organisation: config.organisation, publicUrl }, 'listening');

  log.info({ signal: await stopped }, 'stopping');
  const stopMs = config.stopSeconds * 1000;
  const { awaitPart } = boundStop(stopMs, log);
  clearInterval(sweeper);
  const drained = awaitPart('requests', () => drain(listener, Math.max(stopMs - CLOSE_MS, stopMs / 2)));
  await awaitPart('collection', () => collecting.stop());
  await awaitPart('HTTP', () => server.close());
  const cut = await drained;
  await services.close(awaitPart);
  await awaitPart('tracing', async () => tracing?.close());
  log.info({ cutConnections: cut }, 'stopped');
  // Requests that were cut off may have left others behind them, which wait for peers.
  process.exit(0);
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

function startSweeping(services: Services): NodeJS.Timeout {
  const { registry, log } = services;
  const sweep = async (): Promise<void> => {
    try {
      const uploads = await registry.sweepUploads();
      if (uploads > 0) log.info({ uploads }, 'abandoned uploads swept');
    } catch (error) {
      log.warn({ err: error }, 'sweeping uploads failed');
    }
  };
  void sweep();
  void backfill(services);
  return setInterval(() => void sweep(), SWEEP_MS).unref();
}

/** Manifests of an earlier version get the rows that collection goes by; once is enough. */
async function backfill({ registry, log }: Services): Promise<void> {
  try {
    const { manifests, unreadable } = await registry.backfillReferences();
    if (manifests > 0) log.info({ manifests }, 'references of earlier manifests written');
    if (unreadable > 0) log.error({ manifests: unreadable }, 'manifests unreadable: nothing is collected');
  } catch (error) {
    log.warn({ err: error }, 'writing the references of earlier manifests failed: the next start goes on');
  }
}

/** Accepts no more connections and lets the requests under way end; true if some had to be cut off at the end. */
async function drain(listener: Server, ms: number): Promise<boolean> {
  // A connection that is kept alive becomes idle only when its answer has been sent.
  const idle = setInterval(() => {
    listener.closeIdleConnections();
  }, IDLE_CHECK_MS);
  let cut = false;
  const deadline = setTimeout(() => {
    cut = true;
    listener.closeAllConnections();
  }, ms);
  await new Promise((resolve) => listener.close(resolve));
  clearInterval(idle);
  clearTimeout(deadline);
  return cut;
}
