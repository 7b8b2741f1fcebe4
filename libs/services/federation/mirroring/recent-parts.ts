/** A part of a blob in memory, in use until it is let go of. */
export interface HeldPart {
  /** Its bytes, the first of which is the blob's at `start`. */
  readonly bytes: Buffer;
  readonly start: number;
  /** Lets go of it: the bytes may be written over then. */
  release(): void;
}

/** Somebody who reads a blob from its beginning to its end. */
export interface Reader {
  /** The offset of the next byte that he wants. */
  at: number;
}

interface Part {
  readonly bytes: Buffer;
  readonly start: number;
  users: number;
  readonly free: () => void;
}

/** Bytes that all blobs on their way may keep together, beside those that are just being sent. */
export interface PartsBudget {
  leftBytes: number;
}

// Of one blob; who is further behind reads the file.
const MAX_PARTS = 8;

/**
 * The newest bytes of a blob on its way, so that those who keep up with it need not read the file, which the page cache doesn't have. No more than 8 parts, of
 * at most 1 MiB each, and only while somebody has yet to read them; neither a slow reader nor a stalled one keeps more, nor holds anybody up.
 */
export class RecentParts {
  readonly #budget: PartsBudget;
  readonly #parts: Part[] = [];
  readonly #readers = new Set<Reader>();

  constructor(budget: PartsBudget) {
    this.#budget = budget;
  }

  /** Counts somebody in who reads from an offset on, until he is counted out. */
  join(at: number): Reader {
    const reader = { at };
    this.#readers.add(reader);
    return reader;
  }

  /** Counts a reader out. */
  leave(reader: Reader): void {
    this.#readers.delete(reader);
    this.#trim();
  }

  /** Says that a reader has all before `at`. */
  move(reader: Reader, at: number): void {
    reader.at = at;
    this.#trim();
  }

  /** Adds what comes behind the part before; gives when nobody uses the bytes any more, undefined if nobody does. */
  add(bytes: Buffer, start: number): Promise<void> | undefined {
    if (this.#readers.size === 0) return undefined;
    while (this.#parts.length >= MAX_PARTS || this.#budget.leftBytes < bytes.length) {
      if (!this.#dropOldest()) return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const free = (): void => {
      resolve(undefined);
    };
    this.#budget.leftBytes -= bytes.length;
    this.#parts.push({ bytes, start, users: 1, free });
    return promise;
  }

  /** Finds the part that has the byte at an offset. */
  find(at: number): HeldPart | undefined {
    const part = this.#parts.find(({ bytes, start }) => start <= at && at < start + bytes.length);
    if (part === undefined) return undefined;
    part.users += 1;
    const { bytes, start } = part;
    const release = (): void => {
      this.#free(part);
    };
    return { bytes, start, release };
  }

  /** Says whether there is a part that has the byte at an offset. */
  has(at: number): boolean {
    return this.#parts.some(({ bytes, start }) => start <= at && at < start + bytes.length);
  }

  /** Gives where the first part behind an offset begins; Infinity if there is none. */
  nextStart(at: number): number {
    return this.#parts.find(({ start }) => start > at)?.start ?? Infinity;
  }

  /** Drops all parts: nobody is to read of them any more. */
  clear(): void {
    while (this.#dropOldest());
  }

  #trim(): void {
    const wanted = Math.min(...[...this.#readers].map(({ at }) => at));
    for (let [oldest] = this.#parts; oldest !== undefined; [oldest] = this.#parts) {
      if (oldest.start + oldest.bytes.length > wanted) return;
      this.#dropOldest();
    }
  }

  #dropOldest(): boolean {
    const part = this.#parts.shift();
    if (part === undefined) return false;
    this.#budget.leftBytes += part.bytes.length;
    this.#free(part);
    return true;
  }

  #free(part: Part): void {
    part.users -= 1;
    if (part.users === 0) part.free();
  }
}
