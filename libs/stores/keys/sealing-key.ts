import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

import { EscrowError, generateSealingKey, parseSealingKey } from '@dockchains/escrow';

import { createDurably, KeyError, readSecretFile, syncFolder } from './key-files.ts';

const NAME = 'sealing.key';
const NEXT = 'sealing.next.key';
const FORMER = /^sealing\.former-([1-9][0-9]{0,5})\.key$/;

/** The organisation's sealing keys, scalars of 32 bytes. */
export type SealingKeyFiles = {
  /** What scopes are sealed to from now on. */
  readonly current: Uint8Array;
  /** Those that it replaced, oldest first: each opens what was sealed to it, so all of them are kept for good. */
  readonly former: readonly Uint8Array[];
};

/**
 * The organisation's sealing keys: the current one from `<directory>/sealing.key` (hexadecimal, mode 0600), made when absent, and those
 * before it from `sealing.former-<n>.key`. With `mayCreate` false an absent key is an error: records are sealed under it already.
 * @throws KeyError KEY_MISSING, BAD_KEY, BAD_MODE
 */
export async function openSealingKeys(
  directory: string,
  { mayCreate }: { mayCreate: boolean },
): Promise<SealingKeyFiles> {
  const current = await openCurrent(directory, { mayCreate });
  const former = await readFormer(directory);
  return { current, former: former.map(({ key }) => key) };
}

/**
 * Replaces the sealing key by a new one and keeps the former beside it. Safe to repeat where it broke off.
 * @throws KeyError KEY_MISSING, BAD_KEY, BAD_MODE
 */
export async function rotateSealingKey(directory: string): Promise<void> {
  const text = await readSecretFile(join(directory, NAME));
  if (text === undefined) {
    throw new KeyError('KEY_MISSING', `There is no ${NAME} to replace: a start of the gateway makes it.`);
  }
  const current = parse(join(directory, NAME), text);
  await createDurably(directory, NEXT, encode(generateSealingKey(randomBytes)));
  const former = await readFormer(directory);
  if (!former.some(({ key }) => Buffer.compare(key, current) === 0)) {
    await createDurably(directory, `sealing.former-${(former.at(-1)?.number ?? 0) + 1}.key`, encode(current));
  }
  await rename(join(directory, NEXT), join(directory, NAME));
  await syncFolder(directory);
}

async function openCurrent(directory: string, { mayCreate }: { mayCreate: boolean }): Promise<Uint8Array> {
  const path = join(directory, NAME);
  const existing = await readSecretFile(path);
  if (existing !== undefined) return parse(path, existing);
  if (!mayCreate) {
    throw new KeyError(
      'KEY_MISSING',
      `${path} is missing although the private ledger has begun: put the key back from its backup. Without it no private record can be opened again.`,
    );
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const made = encode(generateSealingKey(randomBytes));
  await createDurably(directory, NAME, made);
  // Another gateway may have been first: what lies in the folder counts.
  return parse(path, (await readSecretFile(path)) ?? made);
}

async function readFormer(
  directory: string,
): Promise<{ readonly number: number; readonly key: Uint8Array }[]> {
  const numbers = (await readdir(directory)).flatMap((name) => {
    const number = FORMER.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  const ordered = numbers.toSorted((a, b) => a - b);
  return Promise.all(
    ordered.map(async (number) => {
      const path = join(directory, `sealing.former-${number}.key`);
      return { number, key: parse(path, (await readSecretFile(path)) ?? '') };
    }),
  );
}

const encode = (key: Uint8Array): string => `${Buffer.from(key).toString('hex')}\n`;

function parse(path: string, text: string): Uint8Array {
  const hex = /^([0-9a-f]{64})\n?$/.exec(text)?.[1];
  try {
    if (hex !== undefined) return parseSealingKey(Buffer.from(hex, 'hex'));
  } catch (error) {
    if (!(error instanceof EscrowError)) throw error;
  }
  throw new KeyError('BAD_KEY', `${path} holds no sealing key: put it back from its backup.`);
}
