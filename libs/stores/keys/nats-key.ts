import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { createDurably, KeyError, readSecretFile } from './key-files.ts';

const NAME = 'nats.seed';

/** The user as which the organisation signs in to NATS servers: its seed, `SU…`, and the public key of it, `U…`. */
export type NatsKey = { readonly seed: string; readonly publicKey: string };

/**
 * The nkey of the organisation's NATS user from `<directory>/nats.seed` (mode 0600; the seed, and the public key in the
 * line behind it), made when absent.
 * @throws KeyError BAD_KEY, BAD_MODE
 */
export async function openNatsKey(directory: string): Promise<NatsKey> {
  const path = join(directory, NAME);
  const existing = await readSecretFile(path);
  if (existing !== undefined) return parse(path, existing);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const made = await createUserKey();
  await createDurably(directory, NAME, made);
  // Another gateway may have been first: what lies in the folder counts.
  return parse(path, (await readSecretFile(path)) ?? made);
}

// The library is loaded for this alone: a start that finds the file does without it.
async function createUserKey(): Promise<string> {
  const { createUser } = await import('@nats-io/nkeys');
  const pair = createUser();
  return `${new TextDecoder().decode(pair.getSeed())}\n${pair.getPublicKey()}\n`;
}

function parse(path: string, text: string): NatsKey {
  const [, seed, publicKey] = /^(SU[A-Z2-7]{56})\n(U[A-Z2-7]{55})\n?$/.exec(text) ?? [];
  if (seed !== undefined && publicKey !== undefined) return { seed, publicKey };
  throw new KeyError(
    'BAD_KEY',
    `${path} does not hold a user's nkey, its seed and its public key in two lines: put it back from its backup.`,
  );
}
