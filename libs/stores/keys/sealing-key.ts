import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { EscrowError, generateSealingKey, parseSealingKey } from '@dockchains/escrow';

import { createDurably, KeyError, readSecretFile } from './key-files.ts';

const NAME = 'sealing.key';

/**
 * The organisation's sealing key, a scalar of 32 bytes, from `<directory>/sealing.key` (hexadecimal, mode 0600), made when
 * absent. With `mayCreate` false an absent key is an error: records are sealed under it already.
 * @throws KeyError KEY_MISSING, BAD_KEY, BAD_MODE
 */
export async function openSealingKey(
  directory: string,
  { mayCreate }: { mayCreate: boolean },
): Promise<Uint8Array> {
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
  const made = Buffer.from(generateSealingKey(randomBytes)).toString('hex');
  await createDurably(directory, NAME, `${made}\n`);
  // Another gateway may have been first: what lies in the folder counts.
  return parse(path, (await readSecretFile(path)) ?? made);
}

function parse(path: string, text: string): Uint8Array {
  const hex = /^([0-9a-f]{64})\n?$/.exec(text)?.[1];
  try {
    if (hex !== undefined) return parseSealingKey(Buffer.from(hex, 'hex'));
  } catch (error) {
    if (!(error instanceof EscrowError)) throw error;
  }
  throw new KeyError('BAD_KEY', `${path} holds no sealing key: put it back from its backup.`);
}
