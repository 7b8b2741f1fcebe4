import { constants, type FileHandle, open } from 'node:fs/promises';

import { writeFully } from './durable.ts';
import { hasErrno } from './errors.ts';
import { PIECE_BYTES } from './pieces.ts';

// Synced each time that so much more went into the page cache, so that little is left for the end.
const SYNC_BYTES = 8 << 20;

/**
 * A file that is written in pieces, any of them at once. Whole ones that lie on a boundary of whole ones go to the disk past the
 * page cache, where the file system lets them: no copy, no memory to find for the cache, and nothing but the end's metadata is
 * left to sync. Measured on 64 MiB: 10 ms of processor time instead of 50 to 200. The others go through the cache.
 */
export class PieceFile {
  readonly #path: string;
  readonly #file: FileHandle;
  #direct: Promise<FileHandle | undefined> | undefined;
  #syncing = Promise.resolve();
  #unsynced = 0;

  /** The file stays the caller's to close; the path is its own. */
  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Writes bytes of {@link takePiece}, from its beginning, at a position of the file. */
  async write(bytes: Buffer, position: number): Promise<void> {
    const whole = bytes.length === PIECE_BYTES && position % PIECE_BYTES === 0;
    const written = whole ? await this.#writeDirect(bytes, position) : 0;
    if (written === bytes.length) return;
    await writeFully(this.#file, bytes.subarray(written), position + written);
    this.#unsynced += bytes.length - written;
    if (this.#unsynced < SYNC_BYTES) return;
    this.#unsynced = 0;
    this.#syncing = this.#syncing.then(() => this.#file.datasync());
    this.#syncing.catch(() => undefined); // it is awaited by `close`
  }

  /** Waits for what was begun; every write has come back when this is called. */
  async close(): Promise<void> {
    try {
      await this.#syncing;
    } finally {
      await (await this.#direct)?.close();
    }
  }

  /** Gives how much was written: nothing where the file system, or the memory, is not made for it. */
  async #writeDirect(bytes: Buffer, position: number): Promise<number> {
    this.#direct ??= openDirect(this.#path);
    const file = await this.#direct;
    if (file === undefined) return 0;
    try {
      return (await file.write(bytes, 0, bytes.length, position)).bytesWritten;
    } catch (error) {
      if (hasErrno(error, 'EINVAL')) return 0;
      throw error;
    }
  }
}

async function openDirect(path: string): Promise<FileHandle | undefined> {
  // Not everywhere is there such a flag.
  const { O_DIRECT } = constants as { O_DIRECT?: number };
  if (O_DIRECT === undefined) return undefined;
  try {
    return await open(path, constants.O_WRONLY | O_DIRECT);
  } catch (error) {
    if (hasErrno(error, 'EINVAL')) return undefined;
    throw error;
  }
}
