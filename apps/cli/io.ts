import type { Fetch } from '@dockchains/client';

/** Somewhere to write text, such as a process's standard output. */
type Output = { write(text: string): unknown; readonly isTTY?: boolean };

/** All of the process that a command touches; tests pass their own. */
export type Io = {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly homeDirectory: string;
  readonly fetch: Fetch;
  readonly clock: () => Date;
  /** Standard input to its end, at most `maxBytes` bytes. */
  readonly readStdin: (maxBytes: number) => Promise<string>;
  /** Asks a question on the terminal; undefined where there is none. Secrets are not echoed. */
  readonly ask: (question: string, options: { secret: boolean }) => Promise<string | undefined>;
};
