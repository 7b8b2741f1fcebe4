import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { vi } from 'vitest';

import type { TestGateway } from './gateway.ts';

/** The clock of one gateway, which tests set while that runs. */
export interface ShiftedClock {
  /** What the gateway must be started with. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets it so many milliseconds ahead, or behind if negative; it stays so over restarts. Resolves when the gateway goes by it. */
  shift(gateway: Pick<TestGateway, 'process'>, ms: number): Promise<void>;
  remove(): Promise<void>;
}

const PRELOAD = pathToFileURL(join(import.meta.dirname, 'shifted-clock.mjs')).href;
const APPLIED = { timeout: 60_000, interval: 5 };

/** Makes a clock that is `ms` milliseconds ahead at first, or behind if that is negative. */
export async function createShiftedClock(ms = 0): Promise<ShiftedClock> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-clock-'));
  const file = join(folder, 'shift');
  await writeFile(file, String(ms));
  return {
    env: { NODE_OPTIONS: `--import=${PRELOAD}`, TEST_CLOCK_FILE: file },
    async shift({ process: child }, shiftMs) {
      await writeFile(file, String(shiftMs));
      await rm(`${file}.applied`, { force: true });
      // One that does not run reads the file when it starts.
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGUSR2');
      await vi.waitFor(async () => {
        const applied = Number(await readFile(`${file}.applied`, 'utf8'));
        if (applied !== shiftMs) throw new Error(`The gateway's clock is ${applied} ms off.`);
      }, APPLIED);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
