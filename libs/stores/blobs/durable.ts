import { randomUUID } from 'node:crypto';
import { rename as renameByCallback, stat as statByCallback } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { hasErrno } from './errors.ts';
import { OpenFolders } from './open-folders.ts';
import { MAX_SHORT_BYTES, writeShort } from './short-file.ts';

// Half the cost of those of `node:fs/promises`.
const rename = promisify(renameByCallback);
const stat = promisify(statByCallback);

const MAX_REMEMBERED_FOLDERS = 65_536;
// Longer than any file of a few MiB takes to be written: an older one belongs to a process that died.
const ABANDONED_AFTER_MS = 3_600_000;

/** Makes folders and files under one root durable: what it made is found again after a loss of power. */
export class DurableFolder {
  readonly root: string;
  readonly #temporary: string;
  // Folders that were made and synced, or found and synced, by this process.
  readonly #known = new Set<string>();
  readonly #open = new OpenFolders();

  constructor(root: string) {
    this.root = root;
    this.#temporary = join(root, 'tmp');
  }

  /** Makes root and `tmp/`, and removes temporary files left by processes that died over an hour before `now`. */
  async open(now: Date): Promise<void> {
    await makeRoot(this.root);
    await this.ensure(this.#temporary);
    for (const name of await readdir(this.#temporary)) {
      const path = join(this.#temporary, name);
      const modifiedMs = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => Infinity, // another process has just finished with it
      );
      if (now.getTime() - modifiedMs > ABANDONED_AFTER_MS) await rm(path, { force: true });
    }
  }

  /** Makes a folder under the root with its parents; each is durable in its parent when this returns. */
  async ensure(folder: string): Promise<void> {
    if (folder === this.root || this.#known.has(folder)) return;
    await this.ensure(dirname(folder));
    await mkdir(folder).catch((error: unknown) => {
      if (!hasErrno(error, 'EEXIST')) throw error;
    });
    await syncFolder(dirname(folder));
    if (this.#known.size >= MAX_REMEMBERED_FOLDERS) this.#known.clear();
    this.#known.add(folder);
  }

  /** Writes the bytes to a temporary file, syncs it, and lets `place` link it; whatever happens, no temporary file stays. */
  async write(bytes: Uint8Array, place: (temporary: string) => Promise<void>): Promise<void> {
    const temporary = this.#nameTemporary();
    try {
      await writeSynced(temporary, bytes);
      await place(temporary);
    } finally {
      await unlink(temporary).catch(() => undefined); // swept by a later start
    }
  }

  /** Makes the bytes durable at a path, unless a file of that length is there: then that one. */
  async put(bytes: Uint8Array, path: string): Promise<void> {
    await this.ensure(dirname(path));
    if ((await findSize(path)) !== bytes.length) await this.replace(bytes, path);
    // Also where it was there: whoever put it may not have got this far.
    await this.sync(dirname(path));
  }

  /** Writes the bytes to a temporary file, syncs it and renames it; the folder is the caller's to sync. */
  async replace(bytes: Uint8Array, path: string): Promise<void> {
    const temporary = this.#nameTemporary();
    try {
      await writeSynced(temporary, bytes);
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => undefined); // swept by a later start
      throw error;
    }
  }

  /** Makes the entries of a folder durable that stays there: it is kept open for the next time. */
  sync(folder: string): Promise<void> {
    return this.#open.sync(folder);
  }

  #nameTemporary(): string {
    return join(this.#temporary, randomUUID());
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  // One without bytes is not written to, which is what would sync it.
  if (bytes.length > 0 && bytes.length <= MAX_SHORT_BYTES) {
    await writeShort(path, bytes);
    return;
  }
  const file = await open(path, 'wx', 0o640);
  try {
    await writeFully(file, bytes, 0);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Gives the length of a file in bytes; undefined if it is not there. */
export async function findSize(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function makeRoot(root: string): Promise<void> {
  const first = await mkdir(root, { recursive: true });
  if (first === undefined) return;
  const shortest = resolve(first).length;
  for (let made = resolve(root); made.length >= shortest; made = dirname(made))
    await syncFolder(dirname(made));
}

/** Makes a folder's entries durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

// The kernel finds room in its page cache for longer writes in large free blocks, which a virtual machine's host may have
// to back with memory first: measured there, 64 KiB at a time cost a third of the system time that 1 MiB costs.
const WRITE_BYTES = 1 << 16;

/** Writes all bytes at the position: a short write, as on a disk that is filling up, is carried on until it fails. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const length = Math.min(WRITE_BYTES, bytes.length - written);
    written += (await file.write(bytes, written, length, position + written)).bytesWritten;
  }
}
