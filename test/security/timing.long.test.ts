import { afterAll, beforeAll, expect, test } from 'vitest';

import { type PairTimes, shareOf, timePairs } from './matrix/timing.ts';
import { openWorld, REPOSITORIES, STRANGER, type World } from './matrix/world.ts';

const PAIRS = 10_000;
const MAX_SHARE = 0.05;
// The token is renewed for each: it is good for five minutes, and the machine may be slow.
const ROUND = 1000;
const WARM_UP = 120;

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const scopes = Object.values(REPOSITORIES).map((name) => `repository:${name}:pull,push`);

test.each(['nobody', 'a stranger'])('hidden and absent take the same time for %s', async (who) => {
  const rounds: PairTimes[] = [];
  for (let done = 0; done < PAIRS; done += ROUND) {
    const token = who === 'nobody' ? undefined : await world.gateway.token(STRANGER, ...scopes);
    await timePairs(world, { pairs: WARM_UP, token });
    rounds.push(await timePairs(world, { pairs: ROUND, token }));
  }
  const share = shareOf(rounds);
  process.stdout.write(
    `Hidden and absent differ to ${who} by ${(share * 100).toFixed(2)} % of the median time.\n`,
  );
  expect(share).toBeLessThan(MAX_SHARE);
});
