import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { createDurably, KeyError, readSecretFile } from './key-files.ts';

/** A key of NATS: its seed, `S…`, and the public key of it. */
export type NatsKey = { readonly seed: string; readonly publicKey: string };

/** The seeds of the keys by which an organisation decides who may do what at its own NATS servers. */
export type NatsAuthoritySeeds = {
  readonly operator: string;
  readonly account: string;
  readonly system: string;
};

type Kind = 'U' | 'O' | 'A';

/**
 * The nkey of the user as which the organisation signs in to NATS servers from `<directory>/nats.seed` (mode 0600; the seed, and
 * the public key in the line behind it), made when absent.
 * @throws KeyError BAD_KEY, BAD_MODE
 */
export function openNatsKey(directory: string): Promise<NatsKey> {
  return openNamed(directory, 'nats.seed', 'U');
}

/**
 * The keys of operator, account and system account from `<directory>/nats-operator.seed` and so on, made when absent.
 * @throws KeyError BAD_KEY, BAD_MODE
 */
export async function openNatsAuthority(directory: string): Promise<NatsAuthoritySeeds> {
  const seedOf = async (name: string, kind: Kind): Promise<string> =>
    (await openNamed(directory, `nats-${name}.seed`, kind)).seed;
  return {
    operator: await seedOf('operator', 'O'),
    account: await seedOf('account', 'A'),
    system: await seedOf('system', 'A'),
  };
}

const openNamed = async (directory: string, name: string, kind: Kind): Promise<NatsKey> => {
  const path = join(directory, name);
  const existing = await readSecretFile(path);
  if (existing !== undefined) return parse(path, kind, existing);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const made = await createKey(kind);
  await createDurably(directory, name, made);
  // Another gateway may have been first: what lies in the folder counts.
  return parse(path, kind, (await readSecretFile(path)) ?? made);
};

/** A new nkey as its file has it. The library is loaded for this alone: a start that finds the files does without it. */
export async function createKey(kind: Kind): Promise<string> {
  const { createAccount, createOperator, createUser } = await import('@nats-io/nkeys');
  const pair = { U: createUser, O: createOperator, A: createAccount }[kind]();
  return `${new TextDecoder().decode(pair.getSeed())}\n${pair.getPublicKey()}\n`;
}

function parse(path: string, kind: Kind, text: string): NatsKey {
  const [, seed, publicKey] = /^(S[UOA][A-Z2-7]{56})\n([UOA][A-Z2-7]{55})\n?$/.exec(text) ?? [];
  if (seed?.[1] === kind && publicKey?.startsWith(kind) === true) return { seed, publicKey };
  throw new KeyError(
    'BAD_KEY',
    `${path} does not hold an nkey of its kind, its seed and its public key in two lines: put it back from its backup.`,
  );
}
