import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ExitCode } from './errors.ts';
import type { Io } from './io.ts';
import { run } from './program.ts';

/** What a command line did. */
type Ran = { readonly exitCode: ExitCode; readonly stdout: string; readonly stderr: string };

/** A place to run command lines in: a home and a working folder of its own, and no network unless it is given one. */
export type Workplace = {
  readonly folder: string;
  /** Options of the runs to come. */
  readonly io: { env: Record<string, string>; answers: string[]; stdin: string; fetch: typeof fetch };
  /** An {@link Io} that writes nowhere, for what is below the command line. */
  quiet(): Io;
  run(...argv: string[]): Promise<Ran>;
  remove(): Promise<void>;
};

/** Makes a workplace in a temporary folder. */
export async function createWorkplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-cli-'));
  const io: Workplace['io'] = {
    env: { PATH: process.env.PATH ?? '' },
    answers: [],
    stdin: '',
    fetch: refuse,
  };

  const ioOn = (stdout: Io['stdout'], stderr: Io['stderr']): Io => ({
    stdout,
    stderr,
    env: io.env,
    cwd: folder,
    homeDirectory: folder,
    fetch: io.fetch,
    clock: () => new Date(),
    readStdin: () => Promise.resolve(io.stdin),
    ask: () => Promise.resolve(io.answers.shift()),
  });

  return {
    folder,
    io,
    quiet: () => ioOn({ write: () => true }, { write: () => true }),
    run: async (...argv) => {
      const written = { stdout: '', stderr: '' };
      const exitCode = await run(
        argv,
        ioOn({ write: (text) => (written.stdout += text) }, { write: (text) => (written.stderr += text) }),
      );
      return { exitCode, ...written };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function refuse(): Promise<never> {
  throw new Error('This command line is not to use the network.');
}
