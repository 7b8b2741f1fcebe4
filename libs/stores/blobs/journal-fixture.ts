import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect } from 'vitest';

import { blobPath, placeFile } from './short-files.mjs';
import { type ShortFrame } from './short-frames.mjs';
import { type JournalOptions, ShortJournal } from './short-journal.mjs';

/** What tests of journals say of small ones. */
export const SMALL = { segmentBytes: 4096, maxSegments: 8, settleMs: 500 };

/** Never: whatever is to be done is done at once. */
export const never = (): boolean => false;

/** Makes files of random bytes; four of 900 fill a small segment. */
export function framesOf(count: number, length = 900): ShortFrame[] {
  return Array.from({ length: count }, () => {
    const bytes = randomBytes(length);
    return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes };
  });
}

/** A blob store's folder, another for each test, and what journals make of it. */
export interface JournalFixture {
  readonly root: () => string;
  readonly open: (options?: JournalOptions) => ShortJournal;
  readonly pathOf: (frame: ShortFrame) => string;
  /** Names of segments. */
  readonly segments: () => Promise<string[]>;
  /** Writes files as the thread does, at a time. */
  readonly write: (journal: ShortJournal, frames: readonly ShortFrame[], now?: number) => void;
  /** Fails unless all files are whole in their places. */
  readonly requireAll: (frames: readonly ShortFrame[]) => Promise<void>;
  readonly isThere: (frame: ShortFrame) => Promise<boolean>;
}

/** Makes the folder before each test, and removes it behind it. */
export function useJournalFixture(): JournalFixture {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'journal-'));
    for (const name of ['tmp', 'journal', 'removed']) await mkdir(join(root, name));
  });
  afterEach(() => rm(root, { recursive: true }));
  const pathOf = ({ digest }: ShortFrame): string => blobPath(root, digest);
  return {
    root: () => root,
    open: (options) => new ShortJournal(root, { ...SMALL, ...options }),
    pathOf,
    segments: () => readdir(join(root, 'journal')),
    write: (journal, frames, now = 0) => {
      journal.append(frames, now);
      for (const frame of frames) placeFile(root, frame);
    },
    requireAll: async (frames) => {
      for (const frame of frames) expect((await readFile(pathOf(frame))).equals(frame.bytes)).toBe(true);
    },
    isThere: (frame) =>
      readFile(pathOf(frame)).then(
        () => true,
        () => false,
      ),
  };
}
