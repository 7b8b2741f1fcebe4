import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';

// Where daemons and Go's own installation lie; a user's PATH often lacks both.
const FURTHER_FOLDERS = ['/usr/sbin', '/sbin', '/usr/local/go/bin'];
const DEFAULT_TIMEOUT_MS = 60_000;

/** How a program is run; beyond `timeoutMs` it is killed. */
export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What it reads from standard input, UTF-8; without it there is none. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Finds a program of this machine by its name. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...FURTHER_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * Says on standard error why tests don't run, since reporters only count them; gives whether there is a reason, for
 * `describe.skipIf`.
 */
export function saySkipped(what: string, reason: string | undefined): boolean {
  if (reason !== undefined) process.stderr.write(`skipped: ${what}: ${reason}\n`);
  return reason !== undefined;
}

/** Gives a sentence about the first of these programs that is not there; undefined if all are. */
export function findMissing(...names: readonly string[]): string | undefined {
  const missing = names.find((name) => findProgram(name) === undefined);
  return missing === undefined ? undefined : `the program "${missing}" is not installed`;
}

/** Runs a program to its end and gives what it printed to standard output. Throws if its exit code is not 0. */
export async function runProgram(
  name: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return (await runWithComplaints(name, args, options)).printed;
}

/** As {@link runProgram}, with what it printed to standard error. */
export async function runWithComplaints(
  name: string,
  args: readonly string[],
  { env, cwd, input, timeoutMs = DEFAULT_TIMEOUT_MS }: RunOptions = {},
): Promise<{ readonly printed: string; readonly complaints: string }> {
  const child = spawn(findProgram(name) ?? name, args, {
    ...{ env, cwd, timeout: timeoutMs, killSignal: 'SIGKILL' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined); // it may end without having read all
  child.stdin.end(input);
  const [printed, complaints] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (child.exitCode === 0) return { printed, complaints };
  const end = child.signalCode ?? `exit code ${child.exitCode ?? 'none'}`;
  throw new Error(`${name} ${args.join(' ')} ended with ${end}:\n${complaints}${printed}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
