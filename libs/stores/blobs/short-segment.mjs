import { closeSync, statSync } from 'node:fs';

import { removeQuietly } from './short-files.mjs';

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
