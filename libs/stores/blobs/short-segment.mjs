import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { removeQuietly } from './short-files.mjs';

// Of whatever is found: ours are shorter.
const MAX_READ = 64 << 20;

/** @param {string} root */
export function journalFolder(root) {
  return join(root, 'journal');
}

/**
 * A file of a journal, open; times are of the journal's clock.
 * @typedef {object} Segment
 * @property {string} path
 * @property {number} file
 * @property {number} inode
 * @property {boolean} isOwn Made here, and not claimed.
 * @property {Uint8Array} generation
 * @property {number} at Where the next frame goes.
 * @property {Map<string, number>} files Digests, and where their frames are.
 * @property {number} begunAt
 * @property {number} writtenAt
 */

/** @param {string} path @param {number} file @param {boolean} isOwn @returns {Segment} */
export function describeSegment(path, file, isOwn) {
  const generation = new Uint8Array();
  const inode = statSync(path).ino;
  return { path, file, inode, isOwn, generation, at: 0, files: new Map(), begunAt: 0, writtenAt: 0 };
}

/** Whether nobody else has claimed it. @param {Segment} segment */
export function isInPlace({ path, inode }) {
  return statSync(path, { throwIfNoEntry: false })?.ino === inode;
}

/** @param {Segment} segment */
export function removeSegment({ path, file }) {
  closeSync(file);
  removeQuietly(path);
}

/** @param {readonly Segment[]} segments */
export function filesOf(segments) {
  return segments
    .values()
    .flatMap((segment) =>
      segment.files.entries().map(([digest, at]) => ({ digest, at, file: segment.file })),
    );
}

/** Gives what reads open segments, each into the memory that the one before was read into. */
export function segmentReader() {
  // Memory of its own for each file would stay with the process for long.
  let memory = Buffer.alloc(0);
  return (/** @type {number} */ file) => {
    const size = Math.min(fstatSync(file).size, MAX_READ);
    if (memory.length < size) memory = Buffer.allocUnsafeSlow(size);
    const bytes = memory.subarray(0, size);
    for (let read = 0, count; read < bytes.length; read += count) {
      count = readSync(file, bytes, read, bytes.length - read, read);
      if (count === 0) return bytes.subarray(0, read);
    }
    return bytes;
  };
}
