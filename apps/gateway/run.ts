import { readConfig } from './config.ts';
import { seed } from './seed.ts';
import { serve } from './serve.ts';

const COMMANDS = { serve, seed };

const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    return 'Another program listens at the address in DOCKCHAINS_LISTEN: stop it, or choose another port.';
  }
  if ('code' in error && error.code === 'EADDRNOTAVAIL') {
    return 'This machine does not have the address in DOCKCHAINS_LISTEN: correct it.';
  }
  const cause = error.cause instanceof Error ? `\n  Cause: ${error.cause.message}` : '';
  // Errors of ours say what to do; of others the stack is all there is.
  return `${'code' in error ? error.message : (error.stack ?? error.message)}${cause}`;
};

/** Runs the command that the arguments name; what it can't do it says on stderr, and the process ends with 1. */
export async function run(args: readonly string[]): Promise<void> {
  try {
    await runCommand(args);
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exit(1);
  }
}

async function runCommand([command = 'serve', ...rest]: readonly string[]): Promise<void> {
  if (!Object.hasOwn(COMMANDS, command) || rest.length > 0) {
    throw Object.assign(new Error('Use: node apps/gateway/main.mjs [serve | seed < seed.json]'), {
      code: 'USAGE',
    });
  }
  await COMMANDS[command as keyof typeof COMMANDS](await readConfig(process.env));
}
