import { homedir } from 'node:os';

import { run } from './program.ts';
import { askOnTerminal, readStandardInput } from './terminal.ts';

// `dockchains … | head` closes the pipe early: that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  process.exitCode = await run(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    homeDirectory: homedir(),
    fetch: globalThis.fetch,
    clock: () => new Date(),
    readStdin: readStandardInput,
    ask: askOnTerminal,
  });
} catch (error) {
  // Nothing that a command foresees: a fault of the program itself, which must not look like a verdict (sysexits.h, EX_SOFTWARE).
  process.stderr.write(
    `dockchains: something went wrong that never should; please report it: ${String(error)}\n`,
  );
  process.exitCode = 70;
}
