import { generateKeyPairSync } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';

import { createDurably, findKey, KeyError, type KeyRole, readSecretFile, syncFolder } from './key-files.ts';
import { createKey } from './nats-key.ts';

/** A key of NATS: the user's, and those that make its server's accounts. */
type NatsRole = 'nats' | 'nats-operator' | 'nats-account' | 'nats-system';

/** A role whose key is one file. */
export type RotatedRole = KeyRole | NatsRole;

const NATS_KINDS = { nats: 'U', 'nats-operator': 'O', 'nats-account': 'A', 'nats-system': 'A' } as const;

/** The roles whose key is one file of which one former is kept beside it. The certificate and the sealing key are replaced in ways of their own. */
export const ROTATED_ROLES: readonly RotatedRole[] = [
  ...(['log-public', 'log-private', 'witness', 'mirror', 'message', 'receipt', 'token'] as const),
  ...(['nats', 'nats-operator', 'nats-account', 'nats-system'] as const),
];

/**
 * Replaces the key of a role by a new one and keeps the former beside it, `<role>.former.<extension>`. The gateways take it at
 * their next start. Safe to repeat where it broke off.
 * @throws KeyError KEY_MISSING, BAD_KEY (a former key is there still), BAD_MODE
 */
export async function rotateKey(directory: string, role: RotatedRole): Promise<void> {
  const extension = isOfNats(role) ? 'seed' : 'pem';
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

const isOfNats = (role: RotatedRole): role is NatsRole => Object.hasOwn(NATS_KINDS, role);

async function createText(role: RotatedRole): Promise<string> {
  if (isOfNats(role)) return createKey(NATS_KINDS[role]);
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
