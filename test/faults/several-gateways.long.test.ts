import { startGatewayPair } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { readElsewhere } from './freshness.ts';
import { halt, kill, strikeInTurns } from './kill-gateways.ts';

test('100,000 reads behind writes on another gateway are never stale', async ({ annotate }) => {
  const pair = await startGatewayPair();
  try {
    const { tries, stale } = await readElsewhere(pair, { tries: 100_000, workers: 24 });
    await annotate(`${tries} tries`);
    expect(stale).toEqual([]);
    expect(tries).toBeGreaterThanOrEqual(100_000);
  } finally {
    await pair.close();
  }
});

test.each([
  { what: 'killed', blow: kill, times: 40, boundMs: 3_000 },
  { what: 'halted', blow: halt, times: 10, boundMs: 8_000 },
])('gateways $what in turns lose nothing and hold publication up under $boundMs ms', async (run) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const { acknowledged, checkpoints, largestGapMs } = await strikeInTurns(run.blow, run.times, seed);
  process.stdout.write(
    `gateways ${run.what} ${run.times} times, seed ${seed}: ${acknowledged} pushes, ${checkpoints} checkpoints, largest gap ${Math.round(largestGapMs)} ms\n`,
  );
  expect(acknowledged).toBeGreaterThan(run.times * 40);
  expect(largestGapMs).toBeLessThan(run.boundMs);
});
