import { link, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { DurableFolder, syncFolder } from './durable.ts';
import { BlobStoreError, guarded, hasErrno } from './errors.ts';
import type { TileStore } from './tile-store.ts';

const MAX_KEY = 512;
const PART = /^(?!\.{1,2}$)[A-Za-z0-9._~@+-]{1,200}$/;

/**
 * Opens a tile store in a folder of the file system, made if it is not there: `tiles/<key>` and `tmp/`. It may share the folder with a blob store.
 * Temporary files that dead processes left over an hour before `now` are removed.
 */
export async function openFileTileStore(root: string, now: Date = new Date()): Promise<TileStore> {
  const folder = new DurableFolder(root);
  const tiles = join(root, 'tiles');
  await guarded('open the tile store', async () => {
    await folder.open(now);
    await folder.ensure(tiles);
  });
  const pathOf = (key: string): string => join(tiles, parseKey(key));

  return {
    putIfAbsent: (key, bytes) => guarded('store a tile', () => putIfAbsent(folder, pathOf(key), key, bytes)),
    get: (key) => guarded('read a tile', () => readOrAbsent(pathOf(key))),
    replace: (key, bytes) => guarded('replace a tile', () => replace(folder, pathOf(key), bytes)),
    list: (prefix) => list(tiles, prefix),
    delete: (key) => guarded('delete a tile', () => remove(pathOf(key))),
  };
}

function parseKey(key: string): string {
  if (key.length <= MAX_KEY && key.split('/').every((part) => PART.test(part))) return key;
  throw new BlobStoreError('KEY_INVALID', `"${key.slice(0, 80)}" is no key of the tile store.`);
}

async function putIfAbsent(
  folder: DurableFolder,
  path: string,
  key: string,
  bytes: Uint8Array,
): Promise<'stored' | 'present'> {
  await folder.ensure(dirname(path));
  let outcome: 'stored' | 'present' = 'stored';
  await folder.write(bytes, async (temporary) => {
    try {
      await link(temporary, path); // exclusive, unlike rename
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
      await verifySame(path, key, bytes);
      outcome = 'present';
    }
  });
  // Also where it was present: whoever stored it may not have got this far.
  await syncFolder(dirname(path));
  return outcome;
}

async function verifySame(path: string, key: string, bytes: Uint8Array): Promise<void> {
  if ((await readFile(path)).equals(bytes)) return;
  throw new BlobStoreError('TILE_CONFLICT', `Other bytes are already stored under the immutable key ${key}.`);
}

async function readOrAbsent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EISDIR', 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function replace(folder: DurableFolder, path: string, bytes: Uint8Array): Promise<void> {
  await folder.ensure(dirname(path));
  await folder.replace(bytes, path);
  await syncFolder(dirname(path));
}

async function remove(path: string): Promise<boolean> {
  try {
    await unlink(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EISDIR', 'ENOTDIR', 'EPERM')) return false;
    throw error;
  }
  await syncFolder(dirname(path));
  return true;
}

async function* list(tiles: string, prefix: string): AsyncGenerator<string> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder !== '') parseKey(folder.slice(0, -1));
  for await (const key of walk(tiles, folder)) {
    if (key.startsWith(prefix)) yield key;
  }
}

/** Gives the keys below a folder (`''` or ending in `/`) in byte order: a folder sorts as its name with the slash behind. */
async function* walk(tiles: string, folder: string): AsyncGenerator<string> {
  const entries = await guarded('list tiles', () => entriesOf(join(tiles, folder)));
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  for (const name of names.sort(byBytes)) {
    if (name.endsWith('/')) yield* walk(tiles, folder + name);
    else yield folder + name;
  }
}

async function entriesOf(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
