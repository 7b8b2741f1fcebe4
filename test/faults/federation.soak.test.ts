import { expect, test } from 'vitest';

import { FAULTS } from './federation-faults.ts';
import { runSoak } from './federation-soak.ts';
import { MESSAGE_FAULTS } from './message-faults.ts';

/** Seconds of faults; SOAK_SECONDS and SOAK_SEED make another run of it, or the same again. */
const SECONDS = 600;

test(`after ${SECONDS / 60} minutes of faults at random three organisations agree on everything`, async ({
  annotate,
}) => {
  const seed = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 32));
  const seconds = Number(process.env.SOAK_SECONDS ?? SECONDS);
  await annotate(`seed ${seed}`);
  const faults = [...FAULTS, ...MESSAGE_FAULTS];
  for (const { name, obstacle } of faults) {
    if (obstacle !== undefined) await annotate(`skipped: ${name}, since ${obstacle}`, 'warning');
  }
  const possible = faults.filter(({ obstacle }) => obstacle === undefined);
  const soak = { faults: possible, seed, durationMs: 1000 * seconds };
  const result = await runSoak({ ...soak, report: (line) => process.stdout.write(`${line}\n`) });
  const { acknowledged, pulled, entries, checkpoints, happened } = result;
  await annotate(`${acknowledged} pushes acknowledged, ${pulled} images pulled meanwhile`);
  await annotate(`${entries} entries, ${checkpoints} checkpoints seen`);
  await annotate([...happened].map(([name, count]) => `${name}: ${count}`).join('; '));
  expect(acknowledged).toBeGreaterThan(seconds / 2);
  expect(pulled).toBeGreaterThan(0);
}, 2_400_000);
