import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';

import { createRateLimiter, tooMany } from './rate-limiter.ts';
import { createSignInLimits } from './sign-in-limits.ts';

const START_MS = Date.parse('2026-01-01T00:00:00Z');
let nowMs = START_MS;
const clock = (): Date => new Date(nowMs);

beforeEach(() => {
  nowMs = START_MS;
});

const takeAll = (take: () => number, most = 1000): number => {
  for (let taken = 0; taken < most; taken++) if (take() > 0) return taken;
  return most;
};

describe('a rate limiter', () => {
  test('gives what a minute allows at once, and then as time goes by', () => {
    const limiter = createRateLimiter({ perMinute: 60 }, clock);
    expect(takeAll(() => limiter.take('a'))).toBe(60);
    expect(limiter.take('a')).toBe(1000);
    expect(limiter.waitMs('a')).toBe(1000);
    nowMs += 999;
    expect(limiter.take('a')).toBe(1);
    nowMs += 1;
    expect([limiter.waitMs('a'), limiter.take('a'), limiter.take('a')]).toEqual([0, 0, 1000]);
    nowMs += 3_600_000;
    expect(takeAll(() => limiter.take('a'))).toBe(60);
  });

  test('counts each key for itself, and only what is taken', () => {
    const limiter = createRateLimiter({ perMinute: 2 }, clock);
    takeAll(() => limiter.take('a'));
    expect(takeAll(() => limiter.waitMs('b'), 10)).toBe(10);
    expect(takeAll(() => limiter.take('b'))).toBe(2);
  });

  test('without a limit has none', () => {
    const limiter = createRateLimiter({ perMinute: 0 }, clock);
    expect(takeAll(() => limiter.take('a'))).toBe(1000);
  });

  test('forgets debts of a time to come when the clock is put back', () => {
    const limiter = createRateLimiter({ perMinute: 2 }, clock);
    takeAll(() => limiter.take('a'));
    nowMs -= 86_400_000;
    expect(limiter.take('a')).toBe(0);
  });

  test('keeps 10,000 keys: those seen last', () => {
    const limiter = createRateLimiter({ perMinute: 1 }, clock);
    for (let key = 0; key <= 10_000; key++) limiter.take(`${key}`);
    expect(limiter.waitMs('0')).toBe(0);
    expect(limiter.waitMs('1')).toBeGreaterThan(0);
  });

  test('never lets more through in any minute than twice its rate', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 300 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 50 }), (pauses, perMinute) => {
        nowMs = START_MS;
        const limiter = createRateLimiter({ perMinute }, clock);
        const taken: number[] = [];
        for (const pauseMs of pauses) {
          nowMs += pauseMs;
          if (limiter.take('a') === 0) taken.push(nowMs);
        }
        for (const from of taken) {
          expect(taken.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(
            2 * perMinute,
          );
        }
      }),
    );
  });

  test('refuses with whole seconds to wait, one at least', () => {
    expect(tooMany('This address', 1)).toMatchObject({ code: 'TOO_MANY', retryAfterSeconds: 1 });
    expect(tooMany('This address', 1001).retryAfterSeconds).toBe(2);
  });
});

describe('limits of failed sign-ins', () => {
  const TOO_MANY: unknown = expect.objectContaining({ code: 'TOO_MANY' });
  const signIn = (username: string, address: string) => ({ username, address });
  const open = () => {
    const limits = createSignInLimits({ perMinute: 3 }, clock);
    return {
      ...limits,
      failAlways: (username: string, address: string): number =>
        takeAll(() => {
          try {
            limits.requireRoom(signIn(username, address));
          } catch {
            return 1;
          }
          limits.failed(signIn(username, address));
          return 0;
        }),
      refuses: (username: string, address: string): boolean => {
        try {
          limits.requireRoom(signIn(username, address));
          return false;
        } catch (error) {
          expect(error).toEqual(TOO_MANY);
          return true;
        }
      },
    };
  };

  test('hold for the address, whatever the name, and for the name, whatever the address', () => {
    const limits = open();
    expect(limits.failAlways('ada', '192.0.2.1')).toBe(3);
    expect(limits.refuses('bob', '192.0.2.1')).toBe(true);
    expect(limits.refuses('ada', '192.0.2.2')).toBe(true);
    expect(limits.refuses('bob', '192.0.2.2')).toBe(false);
    nowMs += 20_000;
    expect(limits.refuses('ada', '192.0.2.1')).toBe(false);
  });

  test('leave alone who signed in from there before, but for their own failures', () => {
    const limits = open();
    limits.succeeded(signIn('ada', '192.0.2.1'));
    limits.failAlways('bob', '192.0.2.1');
    limits.failAlways('ada', '192.0.2.9');
    expect(limits.refuses('ada', '192.0.2.1')).toBe(false);
    expect(limits.failAlways('ada', '192.0.2.1')).toBe(3);
    expect(limits.refuses('ada', '192.0.2.1')).toBe(true);
  });
});
