import { printable } from '@dockchains/client';
import { Command, CommanderError } from 'commander';

import type { CommandContext, Register } from './command.ts';
import { registerAccount } from './commands/account.ts';
import { registerAudit } from './commands/audit.ts';
import { registerCatalog } from './commands/catalog.ts';
import { registerCollect } from './commands/collect.ts';
import { registerInspect } from './commands/inspect.ts';
import { registerLogin } from './commands/login.ts';
import { registerMessages } from './commands/messages.ts';
import { registerMirror } from './commands/mirror.ts';
import { registerPeer } from './commands/peer.ts';
import { registerProve } from './commands/prove.ts';
import { registerRepo } from './commands/repo.ts';
import { registerSearch } from './commands/search.ts';
import { registerStatus } from './commands/status.ts';
import { registerVerify } from './commands/verify.ts';
import { type ExitCode, type Failure, findFailure } from './errors.ts';
import type { Io } from './io.ts';

const COMMANDS: readonly Register[] = [
  registerLogin,
  registerAccount,
  registerRepo,
  registerMirror,
  registerPeer,
  registerMessages,
  registerCollect,
  registerSearch,
  registerCatalog,
  registerInspect,
  registerProve,
  registerVerify,
  registerAudit,
  registerStatus,
];

const MAX_LINE = 8192;

const MANUAL = `
Exit codes: 0 good, 1 verification failed (or nothing there to verify), 2 usage, 3 unreachable, 4 denied.

A first round, after "npm run up" and a docker push:
  dockchains inspect acme.example/public/app:1.0
  dockchains prove acme.example/public/app:1.0 -o app.tlog-proof
  dockchains verify acme.example/public/app:1.0 --bundle app.tlog-proof    (needs no network)

On a gateway's machine, in its environment, while it is stopped:
  dockchains recover --json                                                (after a loss: docs/operators.md)`;

/** Runs one command line, without the program's own name, and gives its exit code. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  const asJson = argv.includes('--json');
  let exitCode: ExitCode = 0;
  const context: CommandContext = {
    io,
    print:
      (action) =>
      async (...parameters) => {
        const outcome = await action(...parameters);
        io.stdout.write(`${asJson ? JSON.stringify(outcome.json) : printableLines(outcome.text)}\n`);
        exitCode = outcome.exitCode ?? 0;
      },
  };
  try {
    await buildProgram(context).parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    const failure = toFailure(error);
    if (failure === undefined) throw error;
    report(failure, asJson, io);
    return failure.exitCode;
  }
}

/** Builds the program with all its commands; nothing is run. */
export function buildProgram(context: CommandContext): Command {
  const { stdout, stderr } = context.io;
  const program = new Command('dockchains')
    .description(
      'Push container images to registries that keep public, tamper-evident ledgers, and check what they say.',
    )
    .addHelpText('after', MANUAL);
  for (const register of COMMANDS) register(program, context);
  prepare(program, (command) => {
    // Errors are reported in one place, in text or JSON; help goes out as it is.
    command.exitOverride().configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: () => undefined,
    });
  });
  return program;
}

function prepare(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const child of command.commands) prepare(child, change);
}

function toFailure(error: unknown): Failure | undefined {
  if (!(error instanceof CommanderError)) return findFailure(error);
  if (error.exitCode === 0) return { code: '', message: '', exitCode: 0 };
  const message = error.message.replace(/^error: /, '');
  return { code: 'USAGE', message: error.code === 'commander.help' ? '' : message, exitCode: 2 };
}

function report({ code, message, exitCode }: Failure, asJson: boolean, { stdout, stderr }: Io): void {
  if (exitCode === 0) return;
  if (asJson) stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  else if (message !== '') stderr.write(`dockchains: ${printableLines(message)}\n`);
}

/** What peers wrote stands in texts and messages alike: none of it may speak to the terminal. */
function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line, MAX_LINE))
    .join('\n');
}
