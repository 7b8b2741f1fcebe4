import { close, constants, open, write } from 'node:fs';
import { promisify } from 'node:util';

import { MAX_FILE_BYTES } from './short-frames.mjs';

// Each of these is one trip to libuv's threads, and such a trip costs more than the system call: by these functions, about half of what
// the ones of `node:fs/promises` cost.
const openFile = promisify(open);
const writeAt = promisify(write);

// Not on every system; without it files are written as long ones are.
const { O_DSYNC } = constants as { O_DSYNC?: number };

/** Up to so many bytes a file is written and made durable at once. */
export const MAX_SHORT_BYTES = O_DSYNC === undefined ? 0 : MAX_FILE_BYTES;

/**
 * Makes a file that is not there yet, with these few bytes, durable when this resolves: each write to it comes back once it is on disk, so that
 * no call of its own has to sync it.
 */
export async function writeShort(path: string, bytes: Uint8Array): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const file = await openFile(path, O_WRONLY | O_CREAT | O_EXCL | (O_DSYNC ?? 0), 0o640);
  try {
    let written = 0;
    while (written < bytes.length) {
      written += (await writeAt(file, bytes, written, bytes.length - written, written)).bytesWritten;
    }
  } finally {
    // Nobody waits for it: what counts is on disk, or has failed.
    close(file, () => undefined);
  }
}
