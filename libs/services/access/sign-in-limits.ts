import { LRUCache } from 'lru-cache';

import { createRateLimiter, type Rate, tooMany } from './rate-limiter.ts';

/** Who tries to sign in, and from where; the address as limits count it. */
type SignIn = { readonly username: string; readonly address: string };

/** Slows down whoever guesses passwords. Names that no account has are counted like all others. */
export interface SignInLimits {
  /** @throws AccessError TOO_MANY before the password is looked at */
  requireRoom(signIn: SignIn): void;
  failed(signIn: SignIn): void;
  succeeded(signIn: SignIn): void;
}

const MAX_KNOWN = 10_000;
const KNOWN_MS = 24 * 60 * 60 * 1000;

/**
 * Makes the {@link SignInLimits}: failures are counted by address and by user name. Who signed in from an address within a day
 * is counted there alone, so that guessing a name's password elsewhere, or another's from behind the same address, does not
 * lock them out.
 */
export function createSignInLimits(failures: Rate, clock: () => Date): SignInLimits {
  const limiter = createRateLimiter(failures, clock);
  const known = new LRUCache<string, true>({ max: MAX_KNOWN, ttl: KNOWN_MS });
  const keysOf = ({ username, address }: SignIn): readonly string[] => {
    const both = `${username} ${address}`;
    return known.has(both) ? [both] : [` ${address}`, `${username} `];
  };
  return {
    requireRoom(signIn) {
      const waitMs = Math.max(...keysOf(signIn).map((key) => limiter.waitMs(key)));
      if (waitMs > 0) throw tooMany('Whoever signs in here with wrong passwords', waitMs);
    },
    failed(signIn) {
      for (const key of keysOf(signIn)) limiter.take(key);
    },
    succeeded({ username, address }) {
      known.set(`${username} ${address}`, true);
    },
  };
}
