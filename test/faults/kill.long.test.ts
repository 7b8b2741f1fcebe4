import { expect, test } from 'vitest';

import { runKills } from './kill-loop.ts';

test('200 kills of gateway and PostgreSQL under pushes lose nothing that was acknowledged', async ({
  annotate,
}) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  await annotate(`seed ${seed}`);
  const { acknowledged, checkpoints, failures } = await runKills(200, seed);
  await annotate(
    `${acknowledged} pushes acknowledged, ${checkpoints} checkpoints seen, failures ${JSON.stringify([...failures])}`,
  );
  expect(acknowledged).toBeGreaterThanOrEqual(1600);
  expect(checkpoints).toBeGreaterThan(100);
});
