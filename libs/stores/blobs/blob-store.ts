import type { Readable, Writable } from 'node:stream';

import type { Digest, DigestAlgorithm } from '@dockchains/oci';

import type { BlobStoreError } from './errors.ts';

/** Bytes `start` to `end` of a blob, both inclusive. */
export type BlobRange = { start: number; end: number };

/** A blob, or a range of one, held open until it is disposed of: deleting it meanwhile cuts nothing off. */
export type OpenBlob = AsyncDisposable & {
  /**
   * Writes the bytes into a sink, in pieces of at most 1 MiB that are written over once the sink has called back for them;
   * does not end it. False if the sink closed before it had them all.
   */
  sendTo(sink: Writable): Promise<boolean>;
};

/** Where the bytes of an upload come from. */
export type ByteSource = Readable | AsyncIterable<Buffer>;

/**
 * A source that hands its bytes over: `take` has used each chunk up when it returns, and where it gives a promise no more come before that resolves. At its end it
 * says why that came too early, if it did.
 */
export type HandingSource = {
  handTo(take: (chunk: Buffer) => Promise<void> | undefined): Promise<{ failure?: unknown }>;
  destroy(error?: Error): void;
};

/** What a source was that may be short: all its bytes and why it ended, if not by itself; or its first bytes, and the source for those behind. */
export type ShortSource =
  | { readonly bytes: Buffer; readonly failure?: BlobStoreError }
  | { readonly head: Buffer; readonly rest: ByteSource };

/** Of an append: `head` comes before the source's bytes; more than `maxBytes` is refused; `signal` ends the wait for a source that has stopped. */
export type AppendOptions = {
  head?: Buffer;
  maxBytes?: number;
  signal?: AbortSignal;
  /** Hears, again and again while the source is read, how many of its first bytes the upload can be read up to. */
  onReadable?: (received: number) => void;
  /**
   * Is given the source's bytes in order, as parts of at most 1 MiB, before they are written: `start` is where they are in the upload. They are written
   * over once they are written and what it gave has settled.
   */
  onReceived?: (bytes: Buffer, start: number) => Promise<void> | undefined;
  /**
   * Hears the lowercase hexadecimal hash of all the upload's bytes, by the algorithm that it was begun with, once a source has ended by itself: maybe before they
   * are written, and not at all where it is not known.
   */
  onHashed?: (hex: string) => void;
};

/** A blob taken out of its place, on its way to be removed; `size` in bytes, `key` is the store's own. */
export type SetAside = { key: string; digest: Digest; size: number };

/** An upload that was neither committed nor cancelled; sizes in bytes, `modified` by the store's clock. */
export type UploadInfo = { id: string; size: number; modified: Date };

/**
 * Content by digest, and the uploads on their way to become content.
 *
 * Durability: what `put`, `commitUpload`, `setAside` and `restore` did survives a loss of power once they return; appended bytes survive the death of the process.
 * Atomicity: a blob is there whole and verified, or not at all. Ordering: none between blobs.
 * Concurrency: safe for any number of processes, but one upload belongs to one caller at a time; within a process a second gets UPLOAD_BUSY, across
 * processes the caller's lock on the upload's row decides.
 * Every method throws BlobStoreError NO_SPACE or IO when the medium fails; nothing half written is then visible.
 */
export type BlobStore = {
  /** Gives a blob's size in bytes; undefined if it is not there. */
  stat(digest: Digest): Promise<{ size: number } | undefined>;
  /**
   * Opens a blob, or a range within it, to be sent.
   * @throws BlobStoreError BLOB_UNKNOWN
   */
  open(digest: Digest, range?: BlobRange): Promise<OpenBlob>;
  /**
   * Reads a small blob whole.
   * @throws BlobStoreError BLOB_UNKNOWN, TOO_LARGE if it is longer than `maxBytes`
   */
  read(digest: Digest, maxBytes: number): Promise<Buffer>;
  /**
   * Stores bytes that are in memory, such as a manifest; again is no harm. `beforePlacing` runs once they are verified, before anything is written.
   * @throws BlobStoreError DIGEST_MISMATCH
   */
  put(bytes: Uint8Array, digest: Digest, beforePlacing?: () => Promise<void>): Promise<void>;
  /**
   * Takes a blob out of its place, from where it is discarded or restored; undefined if it is not there. Removal has two steps because a caller
   * that hung may come to this one after another has stored the blob anew: it must be able to take it back.
   */
  setAside(digest: Digest): Promise<SetAside | undefined>;
  /** Puts a blob back, unless it is there again; no harm if it is discarded or restored already. */
  restore(aside: SetAside): Promise<void>;
  /** Removes a blob that was set aside; no harm if it is gone already. */
  discard(aside: SetAside): Promise<void>;
  /** Gives what is set aside, in no order: each removal that ended in between left one. */
  listSetAside(): Promise<SetAside[]>;

  /**
   * Begins an upload under an id of the caller's, 1 to 128 letters, digits, `-` and `_`, with bytes that it has already. The algorithm is the one that
   * the commit will most likely name.
   * @throws BlobStoreError UPLOAD_EXISTS, KEY_INVALID
   */
  createUpload(id: string, algorithm?: DigestAlgorithm, bytes?: Buffer): Promise<void>;
  /**
   * Takes a source whole into memory if it ends within `maxBytes`, failing or not; nothing is stored. Of a longer one more is to be read.
   * @throws BlobStoreError IO if it gives something that is no buffer
   */
  receiveShort(source: ByteSource, maxBytes: number): Promise<ShortSource>;
  /**
   * Writes the source's bytes at `offset`, cutting off first what lies behind it: that was never acknowledged. Holds at most a few MiB in memory.
   * If the source fails, what it gave before is kept and counted in the error's `received`; in every other failure the upload is back at `offset`.
   * An empty source only cuts.
   * @throws BlobStoreError UPLOAD_UNKNOWN, UPLOAD_BUSY, OFFSET_INVALID beyond the upload's end, TOO_LARGE, SOURCE_FAILED
   */
  appendUpload(
    id: string,
    offset: number,
    source: ByteSource | HandingSource,
    options?: AppendOptions,
  ): Promise<{ received: number }>;
  /**
   * Opens a range of the bytes that an upload has, whether or not more are being appended.
   * @throws BlobStoreError UPLOAD_UNKNOWN
   */
  openUpload(id: string, range: BlobRange): Promise<OpenBlob>;
  /** Gives how many bytes an upload has; undefined if there is no such upload. */
  uploadSize(id: string): Promise<number | undefined>;
  /**
   * Makes the upload's bytes the blob `expected`, and the upload is gone, also if the blob was there already. `beforePlacing` runs once the bytes
   * are verified and synced, before they get the blob's place; if it throws, the upload is as before.
   * @throws BlobStoreError UPLOAD_UNKNOWN, UPLOAD_BUSY, DIGEST_MISMATCH, after which the upload is as before
   */
  commitUpload(id: string, expected: Digest, beforePlacing?: () => Promise<void>): Promise<{ size: number }>;
  /**
   * Drops an upload; false if there is no such upload.
   * @throws BlobStoreError UPLOAD_BUSY
   */
  cancelUpload(id: string): Promise<boolean>;
  /** Lets go of what this process remembers of an upload's bytes: for whoever wrote and can't be sure that nobody wrote over it since. */
  forgetUpload(id: string): void;
  /** Gives the uploads there are, in no order, for the caller to cancel the abandoned ones. */
  listUploads(): Promise<UploadInfo[]>;
};
