import { expect, test } from 'vitest';

import { runKills } from './kill-loop.ts';

test('8 kills of gateway and PostgreSQL under pushes lose nothing that was acknowledged', async ({
  annotate,
}) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  await annotate(`seed ${seed}`);
  const { acknowledged, checkpoints, failures } = await runKills(8, seed);
  await annotate(
    `${acknowledged} pushes acknowledged, ${checkpoints} checkpoints seen, failures ${describe(failures)}`,
  );
  expect(acknowledged).toBeGreaterThanOrEqual(64);
  expect(checkpoints).toBeGreaterThan(4);
}, 300_000);

const describe = (failures: ReadonlyMap<string, number>): string =>
  JSON.stringify(Object.fromEntries(failures));
