import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

import { createDurably, KeyError, readSecretFile, replaceDurably, syncFolder } from './key-files.ts';

const CERTIFICATE = 'openpgp.asc';
const NEXT_CERTIFICATE = 'openpgp.next.asc';
const DESCRIPTOR = 'descriptor.json';

/**
 * The armored private key of the organisation's OpenPGP certificate from `<directory>/openpgp.asc` (mode 0600), made by
 * `create` when absent. With `mayCreate` false an absent key is an error: others have pinned its fingerprint.
 * @throws KeyError KEY_MISSING, BAD_MODE
 */
export async function openCertificateFile(
  directory: string,
  { mayCreate, create }: { mayCreate: boolean; create: () => Promise<string> },
): Promise<string> {
  const path = join(directory, CERTIFICATE);
  const existing = await readSecretFile(path);
  if (existing !== undefined) return existing;
  if (!mayCreate) {
    throw new KeyError(
      'KEY_MISSING',
      `${path} is missing although it has certified the organisation's keys: put it back from its backup. Peers have pinned its fingerprint.`,
    );
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const made = await create();
  await createDurably(directory, CERTIFICATE, made);
  // Another gateway may have been first: what lies in the folder counts.
  return (await readSecretFile(path)) ?? made;
}

/**
 * Replaces the certificate by one that `create` makes, and keeps the former beside it as `openpgp-<fingerprint>.asc`: it signs the next
 * descriptor too. Safe to repeat where it broke off.
 * @throws KeyError KEY_MISSING, BAD_MODE
 */
export async function rotateCertificate(
  directory: string,
  {
    create,
    fingerprintOf,
  }: { create: () => Promise<string>; fingerprintOf: (armored: string) => Promise<string> },
): Promise<void> {
  const current = await readSecretFile(join(directory, CERTIFICATE));
  if (current === undefined) {
    throw new KeyError(
      'KEY_MISSING',
      `There is no ${CERTIFICATE} to replace: it is made when somebody first asks for the descriptor.`,
    );
  }
  await createDurably(directory, NEXT_CERTIFICATE, await create());
  await createDurably(directory, formerName(await fingerprintOf(current)), current);
  await rename(join(directory, NEXT_CERTIFICATE), join(directory, CERTIFICATE));
  await syncFolder(directory);
}

/** The armored private key of the certificate of this fingerprint, if that was replaced and its file lies beside the new one. @throws KeyError BAD_MODE */
export async function findFormerCertificate(
  directory: string,
  fingerprint: string,
): Promise<string | undefined> {
  const former = await readSecretFile(join(directory, formerName(fingerprint)));
  if (former === undefined) return undefined;
  // A replacement that broke off has left a copy of what still acts.
  return former === (await readSecretFile(join(directory, CERTIFICATE))) ? undefined : former;
}

const formerName = (fingerprint: string): string => `openpgp-${fingerprint}.asc`;

/** The newest descriptor that was signed with these keys, if there is one. @throws KeyError BAD_MODE */
export function findKeptDescriptor(directory: string): Promise<string | undefined> {
  return readSecretFile(join(directory, DESCRIPTOR));
}

/** Keeps the newest descriptor beside the keys, durably: a database put back to an earlier state must not number anew. */
export function keepDescriptor(directory: string, envelope: string): Promise<void> {
  return replaceDurably(directory, DESCRIPTOR, envelope);
}
