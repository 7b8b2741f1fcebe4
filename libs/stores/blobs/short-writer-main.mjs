import { parentPort } from 'node:worker_threads';

import { placeFile } from './short-files.mjs';
import { ShortJournal } from './short-journal.mjs';

// What `short-writer.ts` starts. This file is no TypeScript, nor is what it imports: Node would load its compiler for it, 20 MB.

/**
 * @typedef {import('./short-writer.ts').ShortBatch} ShortBatch
 * @typedef {import('./short-writer.ts').ShortOutcome} ShortOutcome
 */

// So long a file that comes in between waits for those that are synced in the background,
const SLICE_MS = 2;
// which are spread over the time: others have the disk too.
const PAUSES_MS = { behind: 0, more: 16, later: 1_000 };

/** @type {Map<string, ShortJournal>} */
const journals = new Map();
let isSettling = false;

/** @param {string} root */
function journalOf(root) {
  const journal = journals.get(root) ?? new ShortJournal(root);
  journals.set(root, journal);
  return journal;
}

/**
 * @param {() => void} step
 * @returns {ShortOutcome}
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
 * Writes what each folder gets to its journal, then puts the files to their places. One that is there already is written as well: it may be in no
 * journal, and its name not be durable.
 * @param {ShortBatch} batch
 * @returns {ShortOutcome[]}
 */
function take({ files, bytes }) {
  let at = 0;
  const frames = files.map(({ root, digest, length }) => ({
    root,
    digest,
    bytes: bytes.subarray(at, (at += length)),
  }));
  /** @type {Map<string, ShortOutcome>} */
  const appended = new Map();
  for (const [root, own] of Map.groupBy(frames, (frame) => frame.root)) {
    const outcome = attempt(() => {
      journalOf(root).append(own, performance.now());
    });
    appended.set(root, outcome);
  }
  return frames.map(
    (frame) =>
      appended.get(frame.root) ??
      attempt(() => {
        placeFile(frame.root, frame);
      }),
  );
}

function settle() {
  const end = performance.now() + SLICE_MS;
  const isOver = () => performance.now() > end;
  let pause = Infinity;
  for (const journal of journals.values()) {
    const now = performance.now();
    /** @type {keyof typeof PAUSES_MS | 'nothing'} */
    let left = 'later';
    attempt(() => {
      left = journal.settle(now, isOver);
    });
    if (left !== 'nothing') pause = Math.min(pause, PAUSES_MS[left]);
  }
  isSettling = pause < Infinity;
  if (isSettling) setTimeout(settle, pause);
}

function settleSoon() {
  if (isSettling) return;
  isSettling = true;
  setTimeout(settle, PAUSES_MS.later);
}

parentPort?.on('message', (/** @type {ShortBatch} */ batch) => {
  parentPort?.postMessage(take(batch));
  settleSoon();
});
