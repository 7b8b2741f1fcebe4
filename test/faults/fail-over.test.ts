import { expect, test } from 'vitest';

import { halt, kill, strikeInTurns } from './kill-gateways.ts';

test.each([
  { what: 'killed', blow: kill, times: 3, boundMs: 3_000 },
  { what: 'halted', blow: halt, times: 1, boundMs: 8_000 },
])('a gateway $what while others push loses nothing, and publication goes on', async (run) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const { acknowledged, checkpoints, largestGapMs } = await strikeInTurns(run.blow, run.times, seed);
  process.stdout.write(
    `gateways ${run.what} ${run.times} times, seed ${seed}: ${acknowledged} pushes, ${checkpoints} checkpoints, largest gap ${Math.round(largestGapMs)} ms\n`,
  );
  expect(largestGapMs).toBeLessThan(run.boundMs);
});
