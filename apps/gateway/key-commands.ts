import { keysByRole } from '@dockchains/federation';
import {
  createCertificateKey,
  namedSigners,
  openCertificateKey,
  readKnownDescriptor,
} from '@dockchains/identity';
import {
  findKeptDescriptor,
  KeyError,
  openCertificateFile,
  openKey,
  revokeKey,
  ROTATED_ROLES,
  rotateCertificate,
  rotateKey,
  rotateSealingKey,
} from '@dockchains/keys';

import type { Config } from './config.ts';
import { describeKeys } from './describe-keys.ts';
import { readLedgerKeys } from './ledgers.ts';

/** The roles whose key `rotate-key` replaces. */
export const KEY_ROLES: readonly string[] = [...ROTATED_ROLES, 'sealing', 'openpgp'];

/** The roles whose former keys `revoke-key` revokes: those that descriptors name. */
export const REVOCABLE_ROLES: readonly string[] = KEY_ROLES.filter(
  (role) => role !== 'token' && !role.startsWith('nats-'),
);

type Place = Pick<Config, 'organisation' | 'keysDirectory'>;

/** Replaces the key of a role in the keys folder; the gateways take it at their next start. @throws KeyError */
export async function rotateRole({ organisation, keysDirectory }: Place, role: string): Promise<void> {
  if (role === 'sealing') return rotateSealingKey(keysDirectory);
  if (role === 'openpgp') {
    return rotateCertificate(keysDirectory, {
      create: () => createCertificateKey(organisation, new Date()),
      fingerprintOf: async (armored) => (await openCertificateKey(armored)).fingerprint,
    });
  }
  const found = ROTATED_ROLES.find((one) => one === role);
  if (found !== undefined) await rotateKey(keysDirectory, found);
}

/**
 * Marks a former key of a role as revoked, the one that was replaced last if none is named, and gives it as the descriptor writes it. The
 * gateways say so from their next start on.
 * @throws KeyError KEY_MISSING if there is no such former key
 */
export async function revokeRole(place: Place, role: string, named: string | undefined): Promise<string> {
  const { keysDirectory } = place;
  const former = await findFormerKeys(place, role);
  const key = named ?? former[0];
  if (key === undefined || !former.includes(key)) {
    throw new KeyError(
      'KEY_MISSING',
      named === undefined
        ? `There is no former ${role} key that a descriptor named and that is not revoked: replace the key first (rotate-key ${role}).`
        : `That is no former ${role} key of a descriptor, or it is revoked already: name one of its formerKeys, and replace first what still acts (rotate-key ${role}).`,
    );
  }
  await revokeKey(keysDirectory, { role, key });
  return key;
}

/** What a descriptor named in this role, acts no more and is not revoked, newest first. */
async function findFormerKeys(place: Place, role: string): Promise<readonly string[]> {
  const kept = await findKeptDescriptor(place.keysDirectory);
  if (kept === undefined) return [];
  const { descriptor, fingerprint } = readKnownDescriptor(kept, namedSigners(kept).at(-1) ?? '');
  const certified = [...keysByRole(descriptor.keys, fingerprint)].map(([one, key]) => ({ role: one, key }));
  const replaced = descriptor.formerKeys.filter(({ state }) => state === 'replaced');
  const acting = await findActing(place, role);
  return [...certified, ...replaced].flatMap((one) =>
    one.role === role && one.key !== acting ? [one.key] : [],
  );
}

async function findActing(place: Place, role: string): Promise<string | undefined> {
  const { keysDirectory } = place;
  const create = (): Promise<string> => createCertificateKey(place.organisation, new Date());
  const certificate = await openCertificateFile(keysDirectory, { mayCreate: false, create });
  const { fingerprint } = await openCertificateKey(certificate);
  const { newest, sealing } = await readLedgerKeys(place);
  const receiptKey = await openKey(keysDirectory, 'receipt');
  const keys = await describeKeys(place, { receiptKey, sealing, logs: newest });
  return [...keysByRole(keys, fingerprint)].find(([one]) => one === role)?.[1];
}
