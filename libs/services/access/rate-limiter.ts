import { LRUCache } from 'lru-cache';

import { AccessError } from './errors.ts';

/** How often something may happen on average, 0 for as often as it likes; what a minute allows may come at once. */
export type Rate = { readonly perMinute: number };

/** Counts by key what happens, for one process. */
export interface RateLimiter {
  /** Counts one and gives 0; or counts nothing and gives the milliseconds until one more is allowed. */
  take(key: string): number;
  /** Gives what {@link take} would, and counts nothing. */
  waitMs(key: string): number;
}

// Those seen last; whose key is dropped begins anew.
const MAX_KEYS = 10_000;
const MINUTE_MS = 60_000;

/**
 * Makes a {@link RateLimiter} by the generic cell rate algorithm (ITU-T I.371): a key's one number is when all that it took
 * is paid off. Neither a timer nor more than 10,000 keys, whoever sends.
 */
export function createRateLimiter({ perMinute }: Rate, clock: () => Date): RateLimiter {
  if (perMinute === 0) return { take: () => 0, waitMs: () => 0 };
  const paidOff = new LRUCache<string, { atMs: number }>({ max: MAX_KEYS });
  const costMs = MINUTE_MS / perMinute;

  const debtOf = (atMs: number | undefined, nowMs: number): number => {
    const debtMs = Math.max((atMs ?? 0) - nowMs, 0);
    // More than anybody can take: the clock was put back.
    return debtMs > MINUTE_MS + costMs ? 0 : debtMs;
  };
  const overMs = (debtMs: number): number => Math.max(Math.ceil(debtMs + costMs - MINUTE_MS), 0);

  return {
    take(key) {
      const entry = paidOff.get(key);
      const nowMs = clock().getTime();
      const debtMs = debtOf(entry?.atMs, nowMs);
      const waitMs = overMs(debtMs);
      if (waitMs > 0) return waitMs;
      if (entry === undefined) paidOff.set(key, { atMs: nowMs + costMs });
      else entry.atMs = nowMs + debtMs + costMs;
      return 0;
    },

    waitMs: (key) => overMs(debtOf(paidOff.get(key)?.atMs, clock().getTime())),
  };
}

/** Gives the refusal of one request too many; `what` is the sentence's subject, such as "This address". */
export function tooMany(what: string, waitMs: number): AccessError {
  const retryAfterSeconds = Math.max(Math.ceil(waitMs / 1000), 1);
  return new AccessError('TOO_MANY', `${what} asks too often: try again in ${retryAfterSeconds} s.`, {
    retryAfterSeconds,
  });
}
