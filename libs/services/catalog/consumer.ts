import { setTimeout as delay } from 'node:timers/promises';

import { type Database, type Lock, lockKeyOf } from '@dockchains/database';

import { BATCH, consumeEntries } from './consume.ts';
import type { EntrySource } from '@dockchains/ledger';
import { promoteGeneration, readStandings, type Standing, sweepGenerations } from './generations.ts';

/** The few things that the catalog has to say. */
export interface CatalogLog {
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
}

/** What consumers stand on. */
export type ConsumerDeps = {
  readonly database: Database;
  /** The ledgers to consume; asked again and again. */
  readonly sources: () => readonly EntrySource[];
  readonly log: CatalogLog;
};

/** The consumer of one ledger, until it is stopped. */
export interface Consumer {
  /** Lets the batch under way end. */
  stop(): Promise<void>;
}

// Publications wake it: this is for those of another gateway, and costs a statement each time.
const POLL_MS = 1_000;
// How often a consumer that is not the one asks to be.
const FOLLOW_MS = 1_000;
const RETRY_MS = 1_000;

/**
 * Consumes a ledger in order into every generation of the catalog. One gateway of the organisation does at a time (an
 * advisory lock); which one does not matter, since the position is in the database.
 */
export function startConsumer(deps: ConsumerDeps, source: EntrySource): Consumer {
  const { database, log } = deps;
  const { origin } = source;
  const stopping = new AbortController();
  let isWoken = false;
  let wake: (() => void) | undefined;
  const unsubscribe = source.subscribe(() => {
    isWoken = true;
    wake?.();
  });

  const pause = async (ms: number): Promise<void> => {
    if (stopping.signal.aborted || isWoken) return;
    const woken = new AbortController();
    wake = () => {
      woken.abort();
    };
    await delay(ms, undefined, { signal: woken.signal }).catch(() => undefined);
    wake = undefined;
  };

  const lead = async (lost: AbortSignal): Promise<void> => {
    while (!stopping.signal.aborted && !lost.aborted) {
      isWoken = false;
      if (!(await consumeSome(deps, source))) await pause(POLL_MS);
    }
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      let lock: Lock | undefined;
      try {
        lock = await database.tryLock(lockKeyOf('catalog', origin));
        if (lock !== undefined) await lead(lock.lost);
        else {
          isWoken = false;
          await pause(FOLLOW_MS);
        }
      } catch (error) {
        log.warn({ origin, err: error }, 'consuming a ledger was interrupted, trying again');
        isWoken = false;
        await pause(RETRY_MS);
      } finally {
        await lock?.release().catch(() => undefined);
      }
    }
  };

  const running = run();
  return {
    async stop() {
      stopping.abort();
      wake?.();
      unsubscribe();
      await running;
    },
  };
}

/** Consumes a batch into each generation; false if there was nothing to do. */
async function consumeSome({ database, sources, log }: ConsumerDeps, source: EntrySource): Promise<boolean> {
  const { serving, building, leftovers } = await readStandings(database, source.origin);
  const worked = await consumeBatch(database, source, serving);
  const swept = leftovers && (await sweepGenerations(database));
  if (building === undefined) return worked || swept;
  if (await consumeBatch(database, source, building)) return true;
  const origins = sources().map(({ origin }) => origin);
  if (!(await promoteGeneration(database, origins))) return worked || swept;
  log.info({ generation: building.generation }, 'catalog rebuilt');
  return true;
}

async function consumeBatch(
  database: Database,
  source: EntrySource,
  { generation, next }: Standing,
): Promise<boolean> {
  if ((await source.publishedSize()) <= next) return false;
  const entries = await source.read(next, BATCH);
  if (entries.length === 0) return false;
  return consumeEntries(database, { source, generation }, entries);
}
