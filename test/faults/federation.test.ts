import { expect, test } from 'vitest';

import { runFederationKills } from './federation-kills.ts';

test('after 3 kills of gateways and NATS servers three organisations agree on everything', async ({
  annotate,
}) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  await annotate(`seed ${seed}`);
  const { acknowledged, checkpoints } = await runFederationKills(3, seed);
  await annotate(`${acknowledged} pushes acknowledged, ${checkpoints} checkpoints seen`);
  expect(acknowledged).toBeGreaterThanOrEqual(12);
}, 300_000);
