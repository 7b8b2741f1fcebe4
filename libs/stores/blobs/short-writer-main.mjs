import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { parentPort } from 'node:worker_threads';

// What `short-writer.ts` starts. This file is no TypeScript: Node would load its compiler for it, 20 MB.

// As many as a blob store has for one algorithm.
const MAX_OPEN = 256;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC;

/** Folders stay open for the next time. @type {Map<string, number>} */
const folders = new Map();

/** @param {string} path */
function syncFolder(path) {
  const file = folders.get(path) ?? openSync(path, 'r');
  const [oldest] = folders;
  if (!folders.has(path) && folders.size >= MAX_OPEN && oldest !== undefined) {
    folders.delete(oldest[0]);
    closeSync(oldest[1]);
  }
  folders.set(path, file);
  try {
    fsyncSync(file);
  } catch (error) {
    folders.delete(path);
    closeSync(file);
    throw error;
  }
}

/**
 * Each write comes back once it is on disk.
 * @param {string} path
 * @param {Uint8Array} bytes
 */
function writeNew(path, bytes) {
  const file = openSync(path, CREATE, 0o640);
  try {
    for (let written = 0; written < bytes.length;) {
      written += writeSync(file, bytes, written, bytes.length - written, written);
    }
  } finally {
    closeSync(file);
  }
}

/**
 * @param {import('./short-writer.ts').ShortBatch['files'][number]} file
 * @param {Uint8Array} bytes
 */
function place({ temporary, path }, bytes) {
  if (statSync(path, { throwIfNoEntry: false })?.size === bytes.length) return;
  try {
    writeNew(temporary, bytes);
    renameSync(temporary, path);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // it was not made, or a later start sweeps it
    }
    throw error;
  }
}

/**
 * @param {() => void} step
 * @returns {import('./short-writer.ts').ShortOutcome}
 */
function attempt(step) {
  try {
    step();
    return undefined;
  } catch (error) {
    const { message, code = 'EIO' } = /** @type {NodeJS.ErrnoException} */ (error);
    return { message, code };
  }
}

/**
 * Places all files, then syncs the folder of each: also where a file was there, because whoever put it may not have got that far.
 * @param {import('./short-writer.ts').ShortBatch} batch
 */
function take({ files, bytes }) {
  let at = 0;
  const placed = files.map((file) => {
    const own = bytes.subarray(at, (at += file.length));
    return attempt(() => {
      place(file, own);
    });
  });
  return files.map(
    ({ path }, index) =>
      placed[index] ??
      attempt(() => {
        syncFolder(dirname(path));
      }),
  );
}

parentPort?.on('message', (/** @type {import('./short-writer.ts').ShortBatch} */ batch) => {
  parentPort?.postMessage(take(batch));
});
