import { afterAll, beforeAll, expect, test } from 'vitest';

import { shareOf, timePairs } from './matrix/timing.ts';
import { openWorld, REPOSITORIES, STRANGER, type World } from './matrix/world.ts';

const PAIRS = 500;
// What this machine does beside it makes single medians unsteady: the long test has the narrow bound.
const MAX_SHARE = 0.5;

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

test('hidden and absent do not differ grossly in time', async () => {
  const scopes = Object.values(REPOSITORIES).map((name) => `repository:${name}:pull,push`);
  const token = await world.gateway.token(STRANGER, ...scopes);
  const times = await timePairs(world, { pairs: PAIRS, token });
  expect(times.differencesMs).toHaveLength(PAIRS);
  expect(shareOf([times])).toBeLessThan(MAX_SHARE);
});

test('a difference that is there is seen', async () => {
  const slow: World['ask'] = async (method, path, sent) => {
    const answer = await world.ask(method, path, sent);
    // Asked twice, the hidden one takes twice as long.
    return path.startsWith(`/v2/${REPOSITORIES.hidden}/`) ? world.ask(method, path, sent) : answer;
  };
  const times = await timePairs({ ask: slow }, { pairs: 100, token: undefined });
  expect(shareOf([times])).toBeGreaterThan(0.3);
});
