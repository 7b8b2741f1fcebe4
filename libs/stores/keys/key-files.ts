import { createPrivateKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import type { Origin } from '@dockchains/tlog';

/** The roles that have a key. One key per role, never shared: a signature must not be usable as another's. */
export type KeyRole = 'log-public' | 'log-private' | 'token' | 'receipt' | 'witness' | 'mirror' | 'message';

/** Why the keys folder can't be used. */
export type KeyErrorCode = 'KEY_MISSING' | 'BAD_KEY' | 'BAD_MODE';

/** A key file that can't be used; `message` says what to do. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
  readonly code: KeyErrorCode;

  constructor(code: KeyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The Ed25519 private key of a role from `<directory>/<role>.pem` (PKCS #8, mode 0600), made when absent. With
 * `mayCreate` false an absent key is an error: the ledger that it signed exists already.
 * @throws KeyError KEY_MISSING, BAD_KEY, BAD_MODE
 */
export async function openKey(
  directory: string,
  role: KeyRole,
  { mayCreate = true }: { mayCreate?: boolean } = {},
): Promise<KeyObject> {
  const path = join(directory, `${role}.pem`);
  const existing = await findKey(path);
  if (existing !== undefined) return existing;
  if (!mayCreate) {
    throw new KeyError(
      'KEY_MISSING',
      `${path} is missing although its ledger has begun: put the key back from its backup. A new key would be refused by everyone who pinned the old one.`,
    );
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync('ed25519');
  await createDurably(
    directory,
    `${role}.pem`,
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  // Another gateway may have been first: what lies in the folder counts.
  return (await findKey(path)) ?? privateKey;
}

/** Whether the log of this origin has ever been begun with these keys. */
export async function hasInception(directory: string, origin: Origin): Promise<boolean> {
  try {
    await stat(join(directory, inceptionName(origin)));
    return true;
  } catch {
    return false;
  }
}

/** Marks the log of this origin as begun, durably: from now on an empty log freezes instead of starting again. */
export async function writeInception(directory: string, origin: Origin, at: Date): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await createDurably(directory, inceptionName(origin), `${origin}\n${at.toISOString()}\n`);
}

const inceptionName = (origin: Origin): string => `${origin.replaceAll('/', '_')}.inception`;
const closingName = (origin: Origin): string => `${origin.replaceAll('/', '_')}.closed`;

/** What was written when the log of this origin was closed for good; undefined if it never was. @throws KeyError BAD_MODE */
export function findClosingFile(directory: string, origin: Origin): Promise<string | undefined> {
  return readSecretFile(join(directory, closingName(origin)));
}

/** Marks the log of this origin as closed, durably; what was written first stands. */
export async function writeClosingFile(directory: string, origin: Origin, text: string): Promise<void> {
  await createDurably(directory, closingName(origin), text);
}

/** Reads a file that only its owner may read; undefined if there is none. @throws KeyError BAD_MODE */
export async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new KeyError('BAD_MODE', `${path} can be read by others than its owner: chmod 600 it.`);
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Reads the Ed25519 private key of a file; undefined if there is none. @throws KeyError BAD_KEY, BAD_MODE */
export async function findKey(path: string): Promise<KeyObject | undefined> {
  try {
    const text = await readSecretFile(path);
    if (text === undefined) return undefined;
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType !== 'ed25519') throw new KeyError('BAD_KEY', `${path} holds no Ed25519 key.`);
    return key;
  } catch (cause) {
    if (cause instanceof KeyError) throw cause;
    throw new KeyError(
      'BAD_KEY',
      `${path} can't be read as a PKCS #8 private key: put it back from its backup.`,
      {
        cause,
      },
    );
  }
}

const isNotFound = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Puts a whole file (mode 0600) at `name` unless one is there; file and folder are on disk when it returns. */
export async function createDurably(directory: string, name: string, text: string): Promise<void> {
  const temporary = await writeTemporary(directory, name, text);
  try {
    await link(temporary, join(directory, name));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await unlink(temporary);
  }
  await syncFolder(directory);
}

/** Puts a whole file (mode 0600) at `name`, over what is there: readers see the old text or the new one. */
export async function replaceDurably(directory: string, name: string, text: string): Promise<void> {
  await rename(await writeTemporary(directory, name, text), join(directory, name));
  await syncFolder(directory);
}

async function writeTemporary(directory: string, name: string, text: string): Promise<string> {
  const temporary = join(directory, `.${name}.${randomUUID()}`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

/** Puts the names in a folder on disk. */
export async function syncFolder(directory: string): Promise<void> {
  const folder = await open(directory, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
