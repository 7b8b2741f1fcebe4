import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { type Digest, digestAlgorithm, type DigestAlgorithm, digestHex } from '@dockchains/oci';

import type {
  AppendOptions,
  BlobRange,
  ByteSource,
  HandingSource,
  OpenBlob,
  UploadInfo,
} from './blob-store.ts';
import { type DurableFolder, syncFolder, writeFully } from './durable.ts';
import { BlobStoreError, hasErrno } from './errors.ts';
import { openBlobOf } from './open-blob.ts';
import { PieceFile } from './piece-file.ts';
import { beginPieceHash, type PieceHash } from './piece-hash.ts';
import { PIECE_BYTES } from './pieces.ts';
import { writeStream, type Written } from './write-stream.ts';

const ID = /^[A-Za-z0-9_-]{1,128}$/;
// Beyond that the oldest is forgotten, and its upload is hashed from the file when it is committed.
const MAX_RUNNING = 4096;

/**
 * The hash over the first `size` bytes of an upload, all of them synced. It is of no use once the file was written after `mtimeNs`: another
 * gateway may have put other bytes where ours were never counted.
 */
type RunningHash = { algorithm: DigestAlgorithm; hash: PieceHash; size: number; mtimeNs: bigint };

/** The uploads of a file blob store: `uploads/<id>`, and for those of this process the hash of what was written so far. */
export class FileUploads {
  readonly #folder: DurableFolder;
  readonly #root: string;
  readonly #blobPath: (digest: Digest) => string;
  readonly #running = new Map<string, RunningHash>();
  readonly #busy = new Set<string>();

  constructor(folder: DurableFolder, blobPath: (digest: Digest) => string) {
    this.#folder = folder;
    this.#root = join(folder.root, 'uploads');
    this.#blobPath = blobPath;
  }

  async open(): Promise<void> {
    await this.#folder.ensure(this.#root);
  }

  async create(
    id: string,
    algorithm: DigestAlgorithm = 'sha256',
    bytes: Buffer = Buffer.alloc(0),
  ): Promise<void> {
    const file = await open(this.#path(id), 'wx', 0o640).catch((error: unknown) => {
      if (hasErrno(error, 'EEXIST'))
        throw new BlobStoreError('UPLOAD_EXISTS', 'There is an upload of that id.');
      throw error;
    });
    try {
      const hash = beginPieceHash(algorithm);
      if (bytes.length > 0) {
        await hash.update(bytes);
        await writeFully(file, bytes, 0);
        await file.datasync();
      }
      const { mtimeNs } = await file.stat({ bigint: true });
      this.#remember(id, { algorithm, hash, size: bytes.length, mtimeNs });
    } finally {
      await file.close();
    }
  }

  append(
    id: string,
    offset: number,
    source: ByteSource | HandingSource,
    options: AppendOptions = {},
  ): Promise<{ received: number }> {
    return this.#exclusively(id, async () => {
      const file = await open(this.#path(id), 'r+').catch((error: unknown) => {
        throw unknownIfAbsent(error);
      });
      try {
        const { received, failure } = await this.#write(id, file, { offset, source, options });
        if (failure === undefined) return { received };
        throw new BlobStoreError('SOURCE_FAILED', 'The upload was broken off by its sender.', {
          cause: failure,
          received,
        });
      } finally {
        await file.close();
      }
    });
  }

  async read(id: string, range: BlobRange): Promise<OpenBlob> {
    const file = await open(this.#path(id), 'r').catch((error: unknown) => {
      throw unknownIfAbsent(error);
    });
    return openBlobOf(file, range);
  }

  async size(id: string): Promise<number | undefined> {
    return (await statOrAbsent(this.#path(id)))?.size;
  }

  /**
   * Order: bytes synced, hash compared, the caller told, renamed into place, folder synced. A death in between leaves either the upload or the
   * blob.
   */
  commit(id: string, expected: Digest, beforePlacing?: () => Promise<void>): Promise<{ size: number }> {
    return this.#exclusively(id, async () => {
      const path = this.#path(id);
      const found = await stat(path, { bigint: true }).catch((error: unknown) => {
        throw unknownIfAbsent(error);
      });
      if ((await this.#hexOf(id, found, digestAlgorithm(expected))) !== digestHex(expected)) {
        throw new BlobStoreError('DIGEST_MISMATCH', `The uploaded bytes are not those of ${expected}.`);
      }
      const target = this.#blobPath(expected);
      await this.#folder.ensure(dirname(target));
      await beforePlacing?.();
      await rename(path, target);
      await syncFolder(dirname(target));
      this.#drop(id);
      return { size: Number(found.size) };
    });
  }

  forget(id: string): void {
    this.#drop(id);
  }

  cancel(id: string): Promise<boolean> {
    return this.#exclusively(id, async () => {
      this.#drop(id);
      try {
        await unlink(this.#path(id));
        return true;
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) return false;
        throw error;
      }
    });
  }

  async list(): Promise<UploadInfo[]> {
    const uploads: UploadInfo[] = [];
    for (const id of await readdir(this.#root)) {
      const found = await statOrAbsent(join(this.#root, id));
      if (found !== undefined) uploads.push({ id, size: found.size, modified: found.mtime });
    }
    return uploads;
  }

  async #write(
    id: string,
    file: FileHandle,
    {
      offset,
      source,
      options,
    }: { offset: number; source: ByteSource | HandingSource; options: AppendOptions },
  ): Promise<Written> {
    const before = await file.stat({ bigint: true });
    const cut = await cutTo(file, Number(before.size), offset);
    const running = this.#running.get(id);
    const usable =
      running?.size === offset && running.mtimeNs === before.mtimeNs && running.hash.isAlive()
        ? running
        : undefined;
    // Taken out while it is not known to match the file.
    if (usable === undefined) this.#drop(id);
    else this.#running.delete(id);
    try {
      const pieces = new PieceFile(this.#path(id), file);
      const written = await writeStream(
        { file: pieces, offset, hash: usable?.hash },
        source,
        options,
      ).finally(() => pieces.close());
      // An empty source, as of a PUT that only closes, costs no flush of the disk.
      if (written.received > 0 || cut) await file.datasync();
      if (usable !== undefined) {
        const { mtimeNs } = await file.stat({ bigint: true });
        this.#remember(id, { ...usable, size: offset + written.received, mtimeNs });
      }
      return written;
    } catch (error) {
      usable?.hash.drop();
      // Gives the space back, and later appends begin where the sender was told that they do.
      await file.truncate(offset).catch(() => undefined);
      throw error;
    }
  }

  /** The hash of the upload's bytes, which are synced when this returns. */
  async #hexOf(
    id: string,
    { size, mtimeNs }: { size: bigint; mtimeNs: bigint },
    algorithm: DigestAlgorithm,
  ): Promise<string> {
    const running = this.#running.get(id);
    const whole = running?.size === Number(size) && running.mtimeNs === mtimeNs;
    if (whole && running.algorithm === algorithm && running.hash.isAlive()) return running.hash.digest();

    const path = this.#path(id);
    const file = await open(path, 'r+');
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
    const hash = createHash(algorithm);
    await pipeline(createReadStream(path, { highWaterMark: PIECE_BYTES }), hash);
    return hash.digest('hex');
  }

  #remember(id: string, running: RunningHash): void {
    this.#running.set(id, running);
    if (this.#running.size <= MAX_RUNNING) return;
    const [oldest] = this.#running.keys();
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(id: string): void {
    this.#running.get(id)?.hash.drop();
    this.#running.delete(id);
  }

  async #exclusively<T>(id: string, operation: () => Promise<T>): Promise<T> {
    if (this.#busy.has(id))
      throw new BlobStoreError('UPLOAD_BUSY', 'The upload is being written by another request.');
    this.#busy.add(id);
    try {
      return await operation();
    } finally {
      this.#busy.delete(id);
    }
  }

  #path(id: string): string {
    if (ID.test(id)) return join(this.#root, id);
    throw new BlobStoreError('KEY_INVALID', 'An upload id must be 1 to 128 letters, digits, "-" or "_".');
  }
}

async function cutTo(file: FileHandle, size: number, offset: number): Promise<boolean> {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > size) {
    throw new BlobStoreError(
      'OFFSET_INVALID',
      `The upload has ${size} bytes: nothing can be written at ${offset}.`,
    );
  }
  if (size > offset) await file.truncate(offset);
  return size > offset;
}

async function statOrAbsent(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function unknownIfAbsent(error: unknown): unknown {
  return hasErrno(error, 'ENOENT') ? unknownUpload() : error;
}

function unknownUpload(): BlobStoreError {
  return new BlobStoreError(
    'UPLOAD_UNKNOWN',
    'There is no upload of that id; it may have been committed or cancelled.',
  );
}
