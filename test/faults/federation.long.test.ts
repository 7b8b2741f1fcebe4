import { expect, test } from 'vitest';

import { runFederationKills } from './federation-kills.ts';

test('after 25 kills of gateways and NATS servers three organisations agree on everything', async ({
  annotate,
}) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  await annotate(`seed ${seed}`);
  const { acknowledged, checkpoints } = await runFederationKills(25, seed);
  await annotate(`${acknowledged} pushes acknowledged, ${checkpoints} checkpoints seen`);
  expect(acknowledged).toBeGreaterThanOrEqual(100);
}, 1_200_000);
