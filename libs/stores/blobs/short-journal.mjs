import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { blobPath, isErrno, replaceFile, restoreFiles, syncPath, writeAll } from './short-files.mjs';
import {
  encodeFrame,
  encodeHeader,
  frameLength,
  GENERATION_BYTES,
  HEADER_BYTES,
  parseFrames,
} from './short-frames.mjs';
import {
  describeSegment,
  filesOf,
  isInPlace,
  journalFolder,
  removeSegment,
  segmentReader,
} from './short-segment.mjs';

/**
 * @typedef {import('./short-frames.d.mts').ShortFrame} ShortFrame
 * @typedef {import('./short-segment.mjs').Segment} Segment
 * @typedef {object} Settling
 * @property {readonly Segment[]} segments The oldest that are full.
 * @property {ReturnType<typeof filesOf>} left
 * @property {Set<string>} folders
 */

const SYNCED = constants.O_RDWR | constants.O_DSYNC;
// So many are kept while nothing is written, for what comes next.
const MAX_SPARE = 2;
// So many are settled together if they have come within the time: a folder that gets files all the time costs a commit of the file system to sync.
const GROUP = 8;
const ZEROS = new Uint8Array(1 << 18);

export class ShortJournal {
  #root;
  #folder;
  #options;
  /** @type {Segment | undefined} */
  #current;
  /** Full, or claimed, oldest first. @type {Segment[]} */
  #full = [];
  /** @type {Segment[]} */
  #spare = [];
  /** One that is not all zeros yet. @type {Segment | undefined} */
  #making;
  /** @type {Settling | undefined} */
  #settling;
  /** What others have left, and is not claimed yet. @type {string[] | undefined} */
  #found;
  #read = segmentReader();

  /** @param {string} root @param {import('./short-journal.d.mts').JournalOptions} [options] */
  constructor(root, { segmentBytes = 4 << 20, maxSegments = 64, settleMs = 60_000 } = {}) {
    this.#root = resolve(root);
    this.#folder = journalFolder(this.#root);
    this.#options = { segmentBytes, maxSegments, settleMs };
  }

  /** @param {readonly ShortFrame[]} frames @param {number} now */
  append(frames, now) {
    for (let done = 0; done < frames.length;) {
      const segment = (this.#current ??= this.#begin(now));
      const fitting = this.#countFitting(segment, frames, done);
      if (fitting === 0) this.#leave(segment);
      else if (this.#write(segment, frames.slice(done, done + fitting), now)) done += fitting;
      else this.#drop(segment);
    }
  }

  /** @param {Segment} segment @param {readonly ShortFrame[]} frames @param {number} from */
  #countFitting({ at }, frames, from) {
    let [end, room] = [from, this.#options.segmentBytes - at];
    for (let frame; (frame = frames[end]) !== undefined && frameLength(frame) <= room; end += 1) {
      room -= frameLength(frame);
    }
    if (end === from && at === HEADER_BYTES) throw new RangeError('A file is longer than a segment.');
    return end - from;
  }

  /**
   * Whether the frames are where whoever claims the segment finds them: one who has claimed it may have read it before.
   * @param {Segment} segment
   * @param {readonly ShortFrame[]} frames
   * @param {number} now
   */
  #write(segment, frames, now) {
    const encoded = frames.map((frame) => encodeFrame(segment.generation, frame));
    const isFirst = segment.at === HEADER_BYTES;
    try {
      if (isFirst) writeAll(segment.file, Buffer.concat([encodeHeader(segment.generation), ...encoded]), 0);
      else writeAll(segment.file, Buffer.concat(encoded), segment.at);
    } catch (error) {
      this.#leave(segment);
      throw error;
    }
    if (!isInPlace(segment)) return false;
    frames.forEach(({ digest }, index) => {
      segment.files.set(digest, segment.at);
      segment.at += encoded[index]?.length ?? 0;
    });
    segment.writtenAt = now;
    return true;
  }

  /** @param {Segment} segment */
  #leave(segment) {
    this.#current = undefined;
    this.#full.push(segment);
  }

  /** @param {Segment} segment */
  #drop(segment) {
    this.#current = undefined;
    closeSync(segment.file);
  }

  /** @param {number} now @returns {Segment} */
  #begin(now) {
    while (this.#full.length >= this.#options.maxSegments) this.#settleSome(1, () => false);
    while (this.#spare.length === 0) this.#make();
    const segment = /** @type {Segment} */ (this.#spare.pop());
    const generation = randomBytes(GENERATION_BYTES);
    return { ...segment, generation, at: HEADER_BYTES, files: new Map(), begunAt: now, writtenAt: now };
  }

  /** Makes a part of a segment. Zeros, so that what is written over them later changes blocks and nothing else. */
  #make() {
    const { segmentBytes } = this.#options;
    const making = (this.#making ??= this.#create());
    try {
      const zeros = ZEROS.subarray(0, segmentBytes - making.at);
      writeAll(making.file, zeros, making.at);
      making.at += zeros.length;
      if (making.at < segmentBytes) return;
      syncPath(this.#folder);
    } catch (error) {
      this.#making = undefined;
      removeSegment(making);
      throw error;
    }
    this.#making = undefined;
    this.#spare.push(making);
  }

  #create() {
    const path = join(this.#folder, randomUUID());
    return describeSegment(path, openSync(path, SYNCED | constants.O_CREAT | constants.O_EXCL, 0o640), true);
  }

  /** Whether all that was found at first is claimed. @param {number} now @param {() => boolean} isOver */
  #claimSome(now, isOver) {
    const found = (this.#found ??= this.#findOthers());
    for (let path; (path = found.at(-1)) !== undefined;) {
      if (isOver()) return false;
      this.#claim(path, now);
      found.pop();
    }
    return true;
  }

  #findOthers() {
    const own = [this.#current, this.#making, ...this.#full, ...this.#spare].map((segment) => segment?.path);
    const paths = readdirSync(this.#folder).map((name) => join(this.#folder, name));
    return paths.filter((path) => !own.includes(path));
  }

  /**
   * By another name it is ours. Its owner, if he lives, finds it gone behind his next write, and writes that elsewhere once more: so it is read after.
   * @param {string} path
   * @param {number} now
   */
  #claim(path, now) {
    const target = join(this.#folder, randomUUID());
    try {
      renameSync(path, target);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return;
      throw error;
    }
    const segment = describeSegment(target, openSync(target, 'r'), false);
    segment.writtenAt = now;
    const frames = [...parseFrames(this.#read(segment.file))];
    restoreFiles(this.#root, frames);
    for (const { digest, at } of frames) segment.files.set(digest, at);
    if (frames.length === 0) this.#free(segment);
    else this.#full.push(segment);
  }

  /** @param {number} now @param {() => boolean} isOver */
  settle(now, isOver) {
    const { segmentBytes, settleMs } = this.#options;
    const current = this.#current;
    if (current !== undefined && now - current.begunAt >= settleMs) this.#leave(current);
    const isHalf = (this.#current?.at ?? 0) > segmentBytes / 2;
    if (isHalf && this.#spare.length === 0 && !this.#isBehind()) {
      this.#make();
      return 'more';
    }
    for (let count; (count = this.#countDue(now)) > 0;) {
      if (!this.#settleSome(count, isOver)) return this.#isBehind() ? 'behind' : 'more';
    }
    if (!this.#claimSome(now, isOver)) return 'more';
    if (this.#current !== undefined || this.#full.length > 0) return 'later';
    for (const segment of this.#spare.splice(MAX_SPARE)) removeSegment(segment);
    return 'nothing';
  }

  #isBehind() {
    return this.#full.length > this.#options.maxSegments / 2;
  }

  /** @param {number} now */
  #countDue(now) {
    if (this.#settling !== undefined || this.#isBehind()) return 1;
    const ageOf = (/** @type {Segment | undefined} */ segment) => now - (segment?.writtenAt ?? Infinity);
    const young = this.#full.findIndex((segment) => ageOf(segment) < this.#options.settleMs);
    const old = young === -1 ? this.#full.length : young;
    return old >= GROUP || ageOf(this.#full[0]) >= 2 * this.#options.settleMs ? old : 0;
  }

  /**
   * Syncs what the oldest full segments have, until the time is over; whether that was all, and they are free.
   * @param {number} count
   * @param {() => boolean} isOver
   */
  #settleSome(count, isOver) {
    const settling = (this.#settling ??= this.#beginSettling(count));
    try {
      for (let next; (next = settling.left.next()).done !== true;) {
        this.#settleFile(settling.folders, next.value);
        if (isOver()) return false;
      }
      for (const folder of settling.folders) {
        syncPath(folder);
        settling.folders.delete(folder);
        if (isOver()) return false;
      }
    } catch (error) {
      // The next time from its beginning.
      this.#settling = undefined;
      throw error;
    }
    this.#settling = undefined;
    this.#full.splice(0, settling.segments.length);
    for (const segment of settling.segments) this.#free(segment);
    return true;
  }

  /** @param {number} count @returns {Settling} */
  #beginSettling(count) {
    const segments = this.#full.slice(0, count);
    return { segments, left: filesOf(segments), folders: new Set() };
  }

  /** @param {Set<string>} folders @param {{ digest: string, at: number, file: number }} entry */
  #settleFile(folders, { digest, at, file }) {
    const path = blobPath(this.#root, digest);
    try {
      syncPath(path);
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return;
      // What could not be synced may be lost by now, though it can be read.
      for (const frame of parseFrames(this.#read(file))) {
        if (frame.at === at) replaceFile(this.#root, frame, syncPath);
      }
    }
    for (let folder = dirname(path); folder.length >= this.#root.length; folder = dirname(folder)) {
      folders.add(folder);
    }
  }

  /** One that was claimed is written no more: who had it may hang in a write. @param {Segment} segment */
  #free(segment) {
    if (segment.isOwn && this.#spare.length < GROUP && isInPlace(segment)) this.#spare.push(segment);
    else removeSegment(segment);
  }
}
