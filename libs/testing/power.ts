import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { freezeProcesses, killProcesses } from './frozen.ts';
import type { LinkedOrganisation } from './linked-federation.ts';

const run = promisify(execFile);

/**
 * Cuts the power of organisations at one moment: gateways, NATS servers and PostgreSQL are halted where they are, all their folders are copied, and they are
 * killed. Gives what starts them again from the copies, so that nothing counts that was done behind that moment.
 */
export async function cutPower(organisations: readonly LinkedOrganisation[]): Promise<() => Promise<void>> {
  const copies = await mkdtemp(join(tmpdir(), 'dockchains-power-'));
  const pids = organisations.flatMap(({ gateway, nats, postgres }) => [gateway.pid, nats.pid, postgres.pid]);
  const frozen = await freezeProcesses(pids.filter((pid) => pid > 0));
  const folders = organisations.flatMap(({ gateway, nats, postgres }) => [
    ...[gateway.dataDir, nats.folder, postgres.cluster],
  ]);
  await Promise.all(folders.map((folder, index) => run('cp', ['-a', folder, join(copies, String(index))])));
  await killProcesses(frozen);
  await Promise.all(
    organisations.flatMap(({ gateway, nats, postgres }) => [
      ...[gateway.kill9(), nats.kill9(), postgres.kill9()],
    ]),
  );
  return async () => {
    await Promise.all(
      folders.map(async (folder, index) => {
        await rm(folder, { recursive: true });
        await move(join(copies, String(index)), folder);
      }),
    );
    await rm(copies, { recursive: true });
    await Promise.all(
      organisations.map(async ({ gateway, nats, postgres }) => {
        await Promise.all([postgres.start(), nats.start()]);
        await gateway.restart();
      }),
    );
  };
}

/** A cluster may lie on another file system than temporary files do. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch {
    await run('cp', ['-a', from, to]);
    await rm(from, { recursive: true });
  }
}
