import { generateKeyPairSync } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';

import { createDurably, findKey, KeyError, type KeyRole, readSecretFile, syncFolder } from './key-files.ts';
import { createKey } from './nats-key.ts';

/** The roles whose key can be replaced: all but the certificate, which peers have pinned, and the sealing key. */
export const ROTATED_ROLES = [
  ...['log-public', 'log-private', 'witness', 'mirror', 'message', 'nats', 'receipt', 'token'],
] as readonly (KeyRole | 'nats')[];

/**
 * Replaces the key of a role by a new one and keeps the former beside it, `<role>.former.<extension>`. The gateways take it at
 * their next start. Safe to repeat where it broke off.
 * @throws KeyError KEY_MISSING, BAD_KEY (a former key is there still), BAD_MODE
 */
export async function rotateKey(directory: string, role: KeyRole | 'nats'): Promise<void> {
  const extension = role === 'nats' ? 'seed' : 'pem';
  const [name, former, next] = [role, `${role}.former`, `${role}.next`].map(
    (stem) => `${stem}.${extension}`,
  ) as [string, string, string];
  const current = await readSecretFile(join(directory, name));
  if (current === undefined) {
    throw new KeyError('KEY_MISSING', `There is no ${name} to replace: a start of the gateway makes it.`);
  }
  await createDurably(directory, next, await createText(role));
  await createDurably(directory, former, current);
  if ((await readSecretFile(join(directory, former))) !== current) {
    throw new KeyError(
      'BAD_KEY',
      `${former} is there from the rotation before: move it to a safe place once nobody needs it any more, then rotate again.`,
    );
  }
  await rename(join(directory, next), join(directory, name));
  await syncFolder(directory);
}

/** The key that a log's key replaced, as long as its file lies beside it. @throws KeyError BAD_KEY, BAD_MODE */
export function findFormerLogKey(directory: string, role: 'log-public' | 'log-private') {
  return findKey(join(directory, `${role}.former.pem`));
}

async function createText(role: KeyRole | 'nats'): Promise<string> {
  if (role === 'nats') return createKey('U');
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
