import { join } from 'node:path';

import { KeyError, readSecretFile, replaceDurably } from './key-files.ts';

const NAME = 'revoked-keys';
const LINE = /^([a-z-]{1,64}) (\S{1,1024})$/;

/** A former key of the organisation's that is not to be believed any more, written as its descriptors write it. */
export type RevokedKey = { readonly role: string; readonly key: string };

/** The keys that an operator has revoked, oldest first, from `<directory>/revoked-keys`. @throws KeyError BAD_KEY, BAD_MODE */
export async function findRevokedKeys(directory: string): Promise<readonly RevokedKey[]> {
  const text = (await readSecretFile(join(directory, NAME))) ?? '';
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [, role, key] = LINE.exec(line) ?? [];
    if (role !== undefined && key !== undefined) return { role, key };
    throw new KeyError(
      'BAD_KEY',
      `${NAME} in the keys folder has a line that is no role and key: put the file back from its backup.`,
    );
  });
}

/** Adds a key to those that are revoked, durably; the gateways say so in the descriptor from their next start on. */
export async function revokeKey(directory: string, revoked: RevokedKey): Promise<void> {
  const before = await findRevokedKeys(directory);
  if (before.some(({ role, key }) => role === revoked.role && key === revoked.key)) return;
  const lines = [...before, revoked].map(({ role, key }) => `${role} ${key}\n`);
  await replaceDurably(directory, NAME, lines.join(''));
}
