import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { CliError } from './errors.ts';
import type { Io } from './io.ts';

/** The folder of the command's own files: `$XDG_CONFIG_HOME/dockchains`, else `~/.config/dockchains`. */
export function configDirectory({ env, homeDirectory }: Io): string {
  const base = env.XDG_CONFIG_HOME;
  // The specification has relative paths ignored.
  return join(base?.startsWith('/') === true ? base : join(homeDirectory, '.config'), 'dockchains');
}

/** Looks for `.dockchains/<name>` in the working folder and those above it. */
export async function findCloneFile({ cwd }: Io, name: string): Promise<string | undefined> {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const path = join(folder, '.dockchains', name);
    if (await exists(path)) return path;
    if (folder === dirname(folder)) return undefined;
  }
}

/**
 * Reads a file of at most `maxBytes` bytes; undefined if there is none.
 * @throws CliError USAGE if it is longer or can't be read
 */
export async function findFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      throw new CliError(
        'USAGE',
        `${path} has ${size} bytes; at most ${maxBytes} are read. Is it the right file?`,
      );
    }
    return await readFile(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    if (cause instanceof CliError) throw cause;
    throw new CliError('USAGE', `${path} can't be read (${reasonOf(cause)}).`, { cause });
  }
}

/**
 * Writes a file whole or not at all, durably, creating its folder.
 * @throws CliError USAGE if it can't be written
 */
export async function writeFileAtomically(named: string, content: string, mode = 0o644): Promise<void> {
  // What a link leads to is replaced, not the link.
  const path = await realpath(named).catch(() => named);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new CliError('USAGE', `${path} can't be written (${reasonOf(cause)}).`, { cause });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no reason given';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
