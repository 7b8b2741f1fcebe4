import { expect, test } from 'vitest';

import { collectUnderLoad } from './collection-run.ts';

test('what was acknowledged stays and the rest goes for ten minutes, while gateways are killed', async () => {
  const outcome = await collectUnderLoad({ leaseSeconds: 3, durationMs: 600_000, killEveryMs: 20_000 });
  expect(outcome.acknowledged).toBeGreaterThan(500);
  expect(outcome.deleted).toBeGreaterThan(100);
  expect(outcome.pulled).toBeGreaterThan(100);
}, 900_000);
