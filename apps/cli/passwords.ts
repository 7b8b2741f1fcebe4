import { randomBytes } from 'node:crypto';

import { CliError } from './errors.ts';
import type { Io } from './io.ts';

/** Where a password is to come from; it is never an argument, which other users of the machine could see. */
export type PasswordOptions = { readonly passwordStdin?: boolean; readonly generate?: boolean };

const MAX_PASSWORD_BYTES = 1024;
const GENERATED_BYTES = 18;

/**
 * Gets the password of somebody who signs in: from standard input, else by asking.
 * @throws CliError USAGE
 */
export async function readPassword(io: Io, { passwordStdin }: PasswordOptions): Promise<string> {
  if (passwordStdin === true) return readFromStdin(io);
  return askSecret(io, 'Password: ');
}

/**
 * Gets a new password: from standard input, made up (144 random bits), else by asking twice.
 * @throws CliError USAGE
 */
export async function readNewPassword(
  io: Io,
  options: PasswordOptions,
): Promise<{ password: string; isGenerated: boolean }> {
  if (options.generate === true) {
    return { password: randomBytes(GENERATED_BYTES).toString('base64url'), isGenerated: true };
  }
  if (options.passwordStdin === true) return { password: await readFromStdin(io), isGenerated: false };
  const password = await askSecret(io, 'New password: ');
  if (password !== (await askSecret(io, 'Again: '))) {
    throw new CliError('USAGE', 'The two passwords differ. Nothing was changed.');
  }
  return { password, isGenerated: false };
}

async function readFromStdin(io: Io): Promise<string> {
  const password = (await io.readStdin(MAX_PASSWORD_BYTES + 2)).replace(/\r?\n$/, '');
  if (password === '' || Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw new CliError('USAGE', `Standard input must hold a password of 1 to ${MAX_PASSWORD_BYTES} bytes.`);
  }
  return password;
}

async function askSecret(io: Io, question: string): Promise<string> {
  const answer = await io.ask(question, { secret: true });
  if (answer !== undefined && answer !== '') return answer;
  throw new CliError(
    'USAGE',
    answer === undefined
      ? 'There is no terminal to ask for a password. Give it on standard input with --password-stdin.'
      : 'The password is empty. Nothing was changed.',
  );
}
