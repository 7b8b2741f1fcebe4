import { close, fsync, open } from 'node:fs';
import { promisify } from 'node:util';

// As many as a blob store has for one algorithm.
const MAX_OPEN = 256;

const openPath = promisify(open);
const sync = promisify(fsync);
const closePath = promisify(close);

type OpenFolder = { readonly file: Promise<number>; users: number; isKept: boolean };

/** Folders that are synced again and again, and stay open for it: of three trips to libuv's threads one is left. */
export class OpenFolders {
  readonly #folders = new Map<string, OpenFolder>();

  /** Makes a folder's entries durable. Whoever takes the folder away and makes it anew must be another process. */
  async sync(path: string): Promise<void> {
    const folder = this.#folders.get(path) ?? this.#open(path);
    folder.users += 1;
    try {
      await sync(await folder.file);
    } catch (error) {
      this.#letGo(path, folder);
      throw error;
    } finally {
      folder.users -= 1;
      closeUnused(folder);
    }
  }

  #open(path: string): OpenFolder {
    const folder = { file: openPath(path, 'r'), users: 0, isKept: true };
    const [oldest] = this.#folders;
    if (this.#folders.size >= MAX_OPEN && oldest !== undefined) {
      this.#letGo(...oldest);
      closeUnused(oldest[1]);
    }
    this.#folders.set(path, folder);
    return folder;
  }

  #letGo(path: string, folder: OpenFolder): void {
    folder.isKept = false;
    if (this.#folders.get(path) === folder) this.#folders.delete(path);
  }
}

function closeUnused({ file, users, isKept }: OpenFolder): void {
  if (isKept || users > 0) return;
  file.then(closePath).catch(() => undefined); // it was not opened, or is synced already
}
