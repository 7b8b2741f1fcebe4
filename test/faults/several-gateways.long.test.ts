import { startGatewayPair } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { readElsewhere } from './freshness.ts';
import { describeRun, halt, kill, strikeInTurns } from './kill-gateways.ts';

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
}, 2_400_000);

test.each([
  { what: 'killed', blow: kill, times: 24, boundMs: 3_000 },
  { what: 'halted', blow: halt, times: 6, boundMs: 8_000 },
])(
  'gateways $what in turns lose nothing and hold publication up under $boundMs ms',
  async ({ what, blow, times, boundMs }) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const run = await strikeInTurns(blow, times, seed);
    process.stdout.write(describeRun(`gateways ${what}, seed ${seed}`, run));
    expect(run.acknowledged).toBeGreaterThan(times * 40);
    expect(run.largestGapMs).toBeLessThan(boundMs);
  },
);
