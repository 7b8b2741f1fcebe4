import { type Config, readConfig } from './config.ts';
import { KEY_ROLES, REVOCABLE_ROLES, revokeRole, rotateRole } from './key-commands.ts';
import { RECOVER_USAGE } from './recovery/options.ts';
import { recover } from './recovery/recover.ts';
import { seed } from './seed.ts';
import { serve } from './serve.ts';

type Command = (config: Config, args: readonly string[]) => Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: (config, args) => alone(args, () => serve(config)),
  seed: (config, args) => alone(args, () => seed(config)),
  'rotate-key': async (config, roles) => {
    if (roles.length === 0 || !roles.every((role) => KEY_ROLES.includes(role))) throw usage();
    for (const role of roles) await rotateRole(config, role);
  },
  'revoke-key': (config, [role, key, ...rest]) =>
    alone(rest, async () => {
      if (role === undefined || !REVOCABLE_ROLES.includes(role)) throw usage();
      const revoked = await revokeRole(config, role, key);
      process.stdout.write(`Revoked from the next start of the gateways on: ${role} ${revoked}\n`);
    }),
  recover,
};

const alone = (args: readonly string[], work: () => Promise<void>): Promise<void> => {
  if (args.length > 0) throw usage();
  return work();
};

const usage = (): Error =>
  Object.assign(
    new Error(
      `Use: node apps/gateway/main.mjs [serve | seed < seed.json | rotate-key ${KEY_ROLES.join('|')}... | revoke-key ROLE [KEY] | ${RECOVER_USAGE}]`,
    ),
    { code: 'USAGE' },
  );

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

async function runCommand([name = 'serve', ...args]: readonly string[]): Promise<void> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw usage();
  await command(await readConfig(process.env), args);
}
