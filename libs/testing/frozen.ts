import { spawnSync } from 'node:child_process';

import { vi } from 'vitest';

type Row = { readonly pid: number; readonly parent: number; readonly state: string };

/**
 * Halts processes and all that descend from them (SIGSTOP), so that nothing of them acts any more; gives the ids of all. They keep what they
 * hold until they are killed, each for itself.
 */
export async function freezeProcesses(pids: readonly number[]): Promise<readonly number[]> {
  const frozen = new Set<number>();
  for (let next = [...pids]; next.length > 0; next = childrenOf(frozen)) {
    for (const pid of next) {
      frozen.add(pid);
      signal(pid, 'SIGSTOP');
    }
  }
  await vi.waitFor(
    () => {
      const awake = listProcesses().filter(({ pid, state }) => frozen.has(pid) && !/^[TZ]/.test(state));
      if (awake.length > 0) throw new Error(`Process ${awake[0]?.pid ?? 0} does not halt.`);
    },
    { timeout: 60_000, interval: 5 },
  );
  return [...frozen];
}

/** Kills processes, also halted ones, and waits until they are gone. */
export async function killProcesses(pids: readonly number[]): Promise<void> {
  for (const pid of pids) signal(pid, 'SIGKILL');
  await vi.waitFor(
    () => {
      const left = listProcesses().find(({ pid, state }) => pids.includes(pid) && !state.startsWith('Z'));
      if (left !== undefined) throw new Error(`Process ${left.pid} does not end.`);
    },
    { timeout: 60_000, interval: 5 },
  );
}

const childrenOf = (pids: ReadonlySet<number>): number[] =>
  listProcesses()
    .filter(({ pid, parent }) => pids.has(parent) && !pids.has(pid))
    .map(({ pid }) => pid);

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // Who has ended by itself need not be halted or killed.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function listProcesses(): readonly Row[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, parent, state = ''] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), state };
    });
}
