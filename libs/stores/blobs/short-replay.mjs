import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { isErrno, restoreFiles } from './short-files.mjs';
import { parseFrames } from './short-frames.mjs';
import { journalFolder, segmentReader } from './short-segment.mjs';

/** @param {string} root */
export function replayJournals(root) {
  const folder = journalFolder(root);
  const read = segmentReader();
  for (const name of readdirSync(folder)) {
    const file = openIfThere(join(folder, name));
    if (file === undefined) continue;
    try {
      restoreFiles(root, parseFrames(read(file)));
    } finally {
      closeSync(file);
    }
  }
}

/** @param {string} path */
function openIfThere(path) {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
