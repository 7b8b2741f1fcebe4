import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

/** A shell in which one command is run after the other, as somebody at a terminal would. */
export interface Shell {
  /** Runs a command to its end and gives what it printed, standard error included. @throws Error if it fails or takes too long */
  run(command: string): Promise<string>;
  /** Ends it; what the commands left running stays. */
  close(): Promise<void>;
}

/** How a shell is started. */
export interface ShellOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** For each command. */
  readonly timeoutMs: number;
}

// Its commands come over a pipe of their own, each ended by NUL: from standard input the commands' own programs could read them.
const LOOP = `exec 2>&1; set -o pipefail
while IFS= read -r -d '' -u 3 command; do eval "$command" 3<&-; printf '%s %d\\n' "$0" "$?"; done`;

/** Starts a bash; a pipe fails with any of its commands. */
export function openShell({ cwd, env, timeoutMs }: ShellOptions): Shell {
  const mark = randomUUID(); // which no command prints
  const end = new RegExp(`${mark} (\\d+)\\n$`);
  const child = spawn('bash', ['--norc', '-c', LOOP, mark], {
    ...{ cwd, env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const commands = child.stdio[3] as NodeJS.WritableStream;
  commands.on('error', () => undefined); // it has ended: its exit says so
  let printed = '';
  let onPrinted: () => void = () => undefined;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    onPrinted();
  });
  const exited = once(child, 'exit');
  return {
    async run(command) {
      printed = '';
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      onPrinted = () => {
        const code = end.exec(printed)?.[1];
        if (code !== undefined) resolve(Number(code));
      };
      const late = setTimeout(() => {
        reject(new Error(`This took longer than ${timeoutMs} ms: ${command}\n${printed}`));
      }, timeoutMs);
      void exited.then(() => {
        reject(new Error(`The shell ended: ${command}\n${printed}`));
      });
      commands.write(`${command}\0`);
      const code = await promise.finally(() => {
        clearTimeout(late);
      });
      if (code !== 0) throw new Error(`This ended with exit code ${code}: ${command}\n${printed}`);
      return printed.replace(end, '');
    },
    async close() {
      commands.end();
      child.kill('SIGKILL');
      await exited;
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
  };
}
