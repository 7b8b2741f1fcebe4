import { expect, test } from 'vitest';

import { describeRun, halt, kill, strikeInTurns } from './kill-gateways.ts';

// Other tests run beside this one, so that its bound is wide; several-gateways.long.test.ts has the machine for itself.
const BOUND_MS = 15_000;

test.each([
  { what: 'killed', blow: kill, times: 3 },
  { what: 'halted', blow: halt, times: 1 },
])(
  'a gateway $what while others push loses nothing, and publication goes on',
  async ({ what, blow, times }) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const run = await strikeInTurns(blow, times, seed);
    process.stdout.write(describeRun(`gateways ${what}, seed ${seed}`, run));
    expect(run.acknowledged).toBeGreaterThan(times * 20);
    expect(run.largestGapMs).toBeLessThan(BOUND_MS);
  },
  240_000,
);
