import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const COMMAND = join(import.meta.dirname, '../../apps/cli/dockchains.mjs');
const SAMPLE_MS = 20;

/** What `dockchains audit` answered, and what it took. */
export interface AuditRun {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
  readonly seconds: number;
  /** The most memory that the process ever held, in bytes (VmHWM). */
  readonly peakBytes: number;
}

/** Runs the command line's audit of a log in a process of its own. */
export async function runAudit(logUrl: string, policyFile: string): Promise<AuditRun> {
  const begun = performance.now();
  const child = spawn(process.execPath, [COMMAND, 'audit', logUrl, '--policy', policyFile, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let peakBytes = 0;
  const sampler = setInterval(() => {
    // The command runs itself again with its heap bounded: it is the child that audits.
    for (const pid of childrenOf(child.pid ?? 0)) peakBytes = Math.max(peakBytes, peakOf(pid));
  }, SAMPLE_MS);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  clearInterval(sampler);
  const seconds = (performance.now() - begun) / 1000;
  return { exitCode: child.exitCode, output, errors, seconds, peakBytes };
}

/** A process's greatest resident size so far, in bytes; 0 if it is gone. */
export function peakOf(pid: number): number {
  try {
    const kilobytes = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

const childrenOf = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  } catch {
    return [];
  }
};
