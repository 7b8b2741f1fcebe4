import { expect, test } from 'vitest';

import { collectUnderLoad } from './collection-run.ts';

test('what was acknowledged stays and the rest goes, while several push, mount, delete and pull', async () => {
  const outcome = await collectUnderLoad({ leaseSeconds: 2, durationMs: 8_000 });
  expect(outcome.acknowledged).toBeGreaterThan(5);
  expect(outcome.deleted).toBeGreaterThan(0);
  expect(outcome.pulled).toBeGreaterThan(0);
}, 120_000);
