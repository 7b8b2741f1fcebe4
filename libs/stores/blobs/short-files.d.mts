import type { ShortFrame } from './short-frames.d.mts';

/** Gives where a blob store has the file of a digest: `blobs/<algorithm>/<2 hex>/<hex>`. */
export function blobPath(root: string, digest: string): string;

/** Says whether a file system's error has one of the given errno names. */
export function isErrno(error: unknown, ...codes: string[]): boolean;

/** Writes all bytes at a position. */
export function writeAll(file: number, bytes: Uint8Array, at: number): void;

/** Makes a file, or a folder's entries, durable. */
export function syncPath(path: string): void;

/** Removes a file, if that can be. */
export function removeQuietly(path: string): void;

/** Puts a file to its place unless one of that length is there; nothing is synced. */
export function placeFile(root: string, frame: ShortFrame): void;

/** Puts a file to its place, whatever is there; `beforePlacing` gets it written and not synced. */
export function replaceFile(
  root: string,
  frame: ShortFrame,
  beforePlacing?: (temporary: string) => void,
): void;

/**
 * Puts files that a journal has to their places where others or none are there; nothing of them is synced. One that was not there at all may have
 * been deleted: it is in `removed/` as well, from where collection finds it and decides (`settleRemovals`).
 */
export function restoreFiles(root: string, frames: Iterable<ShortFrame>): void;
