import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { checkFederation } from './check-federation.ts';
import { FAULTS } from './federation-faults.ts';
import { awaitReady } from './ready.ts';
import { startWatchedFederation, type WatchedFederation } from './watched-federation.ts';

const SOON = { timeout: 60_000, interval: 20 };
const possible = FAULTS.filter(({ obstacle, strikes }) => obstacle === undefined && strikes !== 'link');
const PAIRS = possible.flatMap((first) =>
  possible.filter((second) => second.joins && second !== first).map((second) => ({ first, second })),
);
// The same one is struck each time.
const same = (): number => 0;

let under: WatchedFederation;

beforeAll(async () => {
  under = await startWatchedFederation();
});
afterAll(() => under.close());

describe('while images are pushed to three organisations', () => {
  test.for(PAIRS.map((pair) => ({ ...pair, name: `${pair.first.name}, and ${pair.second.name}` })))(
    '$name: what befell last is mended first, and all serve again',
    { timeout: 240_000 },
    async ({ first: one, second }) => {
      const mendFirst = await one.inject(under.federation, same);
      const mendSecond = await second.inject(under.federation, same);
      await mendSecond();
      await mendFirst();
      await Promise.all(under.federation.organisations.map(awaitReady));
      const before = under.countPushes();
      await expect.poll(under.countPushes, SOON).toBeGreaterThan(before);
    },
  );

  test('behind all of it they agree on everything', async () => {
    await under.quiet();
    const { tags } = await checkFederation(under.watched);
    expect(tags).toBeGreaterThanOrEqual(PAIRS.length);
  }, 300_000);
});
