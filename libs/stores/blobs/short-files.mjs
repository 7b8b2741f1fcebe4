import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/** @param {string} root @param {string} digest */
export function blobPath(root, digest) {
  const [algorithm = '', hex = ''] = digest.split(':');
  return join(root, 'blobs', algorithm, hex.slice(0, 2), hex);
}

/** @param {unknown} error @param {string[]} codes */
export function isErrno(error, ...codes) {
  return codes.includes(/** @type {NodeJS.ErrnoException} */ (error).code ?? '');
}

/** @param {number} file @param {Uint8Array} bytes @param {number} at */
export function writeAll(file, bytes, at) {
  for (let written = 0; written < bytes.length;) {
    written += writeSync(file, bytes, written, bytes.length - written, at + written);
  }
}

/** @param {string} path */
export function syncPath(path) {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** @param {string} root @param {import('./short-frames.d.mts').ShortFrame} frame */
export function placeFile(root, { digest, bytes }) {
  const path = blobPath(root, digest);
  if (statSync(path, { throwIfNoEntry: false })?.size === bytes.length) return;
  replaceFile(root, { digest, bytes });
}

/**
 * Whoever reads the path meanwhile finds what was there, or this.
 * @param {string} root
 * @param {import('./short-frames.d.mts').ShortFrame} frame
 * @param {(temporary: string) => void} [beforePlacing]
 */
export function replaceFile(root, { digest, bytes }, beforePlacing) {
  const temporary = writeTemporary(root, bytes);
  try {
    beforePlacing?.(temporary);
    renameInto(temporary, blobPath(root, digest));
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  }
}

/** @param {string} root @param {Uint8Array} bytes */
function writeTemporary(root, bytes) {
  const temporary = join(root, 'tmp', randomUUID());
  const file = openSync(temporary, NEW, 0o640);
  try {
    writeAll(file, bytes, 0);
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  } finally {
    closeSync(file);
  }
  return temporary;
}

/** A later start sweeps what stays. @param {string} path */
export function removeQuietly(path) {
  try {
    unlinkSync(path);
  } catch {
    // it is not there, or stays
  }
}

/**
 * The folder is mostly there: of one that is made here the journal has the files.
 * @param {string} from
 * @param {string} to
 */
function renameInto(from, to) {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }
}

/** @param {string} root @param {Iterable<import('./short-frames.d.mts').ShortFrame>} frames */
export function restoreFiles(root, frames) {
  const removed = join(root, 'removed');
  /** @type {{ temporary: string, aside: string, path: string }[]} */
  const missing = [];
  const seen = new Set();
  for (const frame of frames) {
    if (seen.has(frame.digest)) continue;
    seen.add(frame.digest);
    const path = blobPath(root, frame.digest);
    const found = readIfThere(path);
    if (found?.equals(frame.bytes) === true) continue;
    if (found !== undefined) {
      replaceFile(root, frame);
      continue;
    }
    const temporary = writeTemporary(root, frame.bytes);
    const aside = join(removed, `${frame.digest.replace(':', '-')}.${randomUUID()}`);
    linkSync(temporary, aside);
    missing.push({ temporary, aside, path });
  }
  if (missing.length === 0) return;
  // Before any is in its place: nothing that was deleted must come back without collection being told.
  syncPath(removed);
  for (const { temporary, aside, path } of missing) {
    renameInto(temporary, path);
    // Another gateway's collection may have been there between the two.
    if (statSync(aside, { throwIfNoEntry: false }) === undefined) linkIfThere(path, aside);
  }
}

/** @param {string} from @param {string} to */
function linkIfThere(from, to) {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** @param {string} path */
function readIfThere(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
