import { randomUUID } from 'node:crypto';
import { link, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { type Digest, isDigest } from '@dockchains/oci';

import type { SetAside } from './blob-store.ts';
import { type DurableFolder, syncFolder } from './durable.ts';
import { BlobStoreError, hasErrno } from './errors.ts';

// `<algorithm>-<hex>.<uuid>`: the same blob can be set aside again before it was discarded.
const NAME = /^([a-z0-9]+)-([0-9a-f]+)\.[0-9a-f-]{36}$/;

/** The blobs of a file blob store that were taken out of their places: `removed/<algorithm>-<hex>.<uuid>`. */
export class FileAsides {
  readonly #folder: DurableFolder;
  readonly #root: string;
  readonly #blobPath: (digest: Digest) => string;

  constructor(folder: DurableFolder, blobPath: (digest: Digest) => string) {
    this.#folder = folder;
    this.#root = join(folder.root, 'removed');
    this.#blobPath = blobPath;
  }

  async open(): Promise<void> {
    await this.#folder.ensure(this.#root);
  }

  async setAside(digest: Digest): Promise<SetAside | undefined> {
    const path = this.#blobPath(digest);
    const key = `${digest.replace(':', '-')}.${randomUUID()}`;
    const target = join(this.#root, key);
    try {
      await rename(path, target);
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
    await syncFolder(this.#root);
    await syncFolder(dirname(path));
    return { key, digest, size: (await stat(target)).size };
  }

  async restore({ key, digest }: SetAside): Promise<void> {
    const path = this.#blobPath(digest);
    await this.#folder.ensure(dirname(path));
    // Whoever had it in a journal may have found it gone, and not have synced it.
    await syncIfThere(this.#path(key));
    // Never over what is there: that was stored anew, and is as good.
    await link(this.#path(key), path).catch((error: unknown) => {
      if (!hasErrno(error, 'EEXIST', 'ENOENT')) throw error;
    });
    await syncFolder(dirname(path));
    await this.#remove(key);
  }

  async discard({ key }: SetAside): Promise<void> {
    await this.#remove(key);
  }

  async list(): Promise<SetAside[]> {
    const found: SetAside[] = [];
    for (const key of await readdir(this.#root)) {
      const [, algorithm = '', hex = ''] = NAME.exec(key) ?? [];
      const digest = `${algorithm}:${hex}`;
      if (!isDigest(digest)) continue;
      const size = await stat(join(this.#root, key)).then(
        (file) => file.size,
        () => undefined, // another process has just finished with it
      );
      if (size !== undefined) found.push({ key, digest, size });
    }
    return found;
  }

  async #remove(key: string): Promise<void> {
    await unlink(this.#path(key)).catch((error: unknown) => {
      if (!hasErrno(error, 'ENOENT')) throw error;
    });
  }

  #path(key: string): string {
    if (NAME.test(key)) return join(this.#root, key);
    throw new BlobStoreError('KEY_INVALID', 'The key is none of something that was set aside.');
  }
}

async function syncIfThere(path: string): Promise<void> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (!hasErrno(error, 'ENOENT')) throw error;
  });
  try {
    await file?.sync();
  } finally {
    await file?.close();
  }
}
