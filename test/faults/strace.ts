import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

/** Why system calls can't be traced here; undefined if they can. */
export function findTraceObstacle(): string | undefined {
  const tried = spawnSync('strace', ['-o', '/dev/null', 'true']);
  if (tried.error !== undefined) return 'strace is not installed';
  return tried.status === 0 ? undefined : 'strace may not trace here';
}

/** A running process under strace until `stop`. */
export interface Trace {
  /** Detaches, and gives the lines traced. */
  stop(): Promise<string[]>;
}

/** Attaches to all threads of a process; the options are strace's own. */
export async function attach(pid: number, options: readonly string[], output: string): Promise<Trace> {
  const strace: ChildProcess = spawn(
    'strace',
    ['-f', '-y', '-s', '64', '-o', output, ...options, '-p', String(pid)],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  await new Promise<void>((resolve, reject) => {
    let said = '';
    strace.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('attached')) resolve();
    });
    strace.once('exit', () => {
      reject(new Error(`strace ended: ${said}`));
    });
  });
  return {
    async stop() {
      const exited = once(strace, 'exit');
      strace.kill('SIGINT');
      await exited;
      return (await readFile(output, 'utf8')).split('\n');
    },
  };
}
