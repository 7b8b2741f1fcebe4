import type { FastifyBaseLogger } from 'fastify';

/** The exit code of a gateway that did not end within its time. */
export const UNFINISHED = 3;

/** A stop under way, which is over at the end of its time whatever is still waited for. */
export interface BoundedStop {
  /** Waits for a part to end; while it does, that is what the stop waits for. */
  readonly awaitPart: AwaitPart;
}

/** Waits for a part of the gateway, by its name, to end. */
export type AwaitPart = <Value>(part: string, end: () => Promise<Value>) => Promise<Value>;

/**
 * Begins to stop within `ms` milliseconds: then what is still waited for is logged, and the process exits with {@link UNFINISHED}. Every part is made to
 * be killed at any moment, so nothing is lost by that.
 */
export function boundStop(ms: number, log: Pick<FastifyBaseLogger, 'error'>): BoundedStop {
  const waiting = new Set<string>();
  // The process may end before: nothing is to be waited for on its account.
  setTimeout(() => {
    const parts = waiting.size === 0 ? ['connections'] : [...waiting];
    log.error(
      { waiting: parts, seconds: ms / 1000 },
      'stopping took too long: what was under way is cut off',
    );
    process.exit(UNFINISHED);
  }, ms).unref();
  return {
    async awaitPart(part, end) {
      waiting.add(part);
      try {
        return await end();
      } finally {
        waiting.delete(part);
      }
    },
  };
}

/** Gives a fetch of which every request, and the reading of its answer, ends when the signal is aborted. */
export function fetchUntil(signal: AbortSignal): typeof globalThis.fetch {
  return (input, init) => {
    const given = init?.signal ?? undefined;
    return fetch(input, { ...init, signal: given === undefined ? signal : AbortSignal.any([signal, given]) });
  };
}
