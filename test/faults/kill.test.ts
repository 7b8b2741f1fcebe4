import { expect, test } from 'vitest';

import { runKills } from './kill-loop.ts';

test('20 kills of gateway and PostgreSQL under pushes lose nothing that was acknowledged', async ({
  annotate,
}) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  await annotate(`seed ${seed}`);
  const { acknowledged, checkpoints, failures } = await runKills(20, seed);
  await annotate(
    `${acknowledged} pushes acknowledged, ${checkpoints} checkpoints seen, failures ${describe(failures)}`,
  );
  expect(acknowledged).toBeGreaterThanOrEqual(160);
  expect(checkpoints).toBeGreaterThan(10);
}, 300_000);

const describe = (failures: ReadonlyMap<string, number>): string =>
  JSON.stringify(Object.fromEntries(failures));
