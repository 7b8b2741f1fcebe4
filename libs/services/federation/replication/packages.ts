import { parseBundle, TlogError } from '@dockchains/tlog';

import { reopenHead } from './heads.ts';

/** What a peer sent of its log: entries from `start` on with the signed note that they lead to, or a published note alone. */
export type Arrival = {
  readonly note: string;
  readonly entries?: readonly Uint8Array[];
  readonly start?: bigint;
  /** Size of the head that the note is of. */
  readonly size: bigint;
};

/** Reads a package as it was sent, without its origin; undefined if it is none. */
export function readPackage({
  start,
  end,
  note,
  bundle,
}: {
  readonly start: bigint;
  readonly end: bigint;
  readonly note: string;
  readonly bundle: Uint8Array;
}): Arrival | undefined {
  try {
    const { size } = reopenHead(note);
    return size < end ? undefined : { note, size, start, entries: parseBundle(bundle, Number(end - start)) };
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

/** Something to do: the entries, from one or several packages, that reach the note; or a published note. */
export type Taken = {
  readonly note: string;
  readonly entries: readonly Uint8Array[] | undefined;
  readonly resolve: (taken: boolean) => void;
  /** Says why it is not to be believed. */
  readonly refuse: (reason: unknown) => void;
};

type Waiting = { readonly arrival: Arrival } & Pick<Taken, 'resolve' | 'refuse'>;

const MAX_BYTES = 8 * 1024 * 1024;
const MAX_WAITING = 256;

/**
 * What arrived by message and was not dealt with, bounded: 256 packages, 8 MiB. Packages are joined until they reach their
 * note, since a part of them can't be verified; what does not follow is let go, and fetched instead.
 */
export class PackageQueue {
  readonly #onArrival: () => void;
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(onArrival: () => void) {
    this.#onArrival = onArrival;
  }

  /** Whether nothing waits that could be taken now. */
  get isEmpty(): boolean {
    return !this.#waiting.some(({ arrival }) => isWhole(arrival));
  }

  /**
   * Resolves when the arrival was taken in (true) or let go; at once, false, while it waits for others to reach its note. Rejects if
   * what it completes is not to be believed.
   */
  push(arrival: Arrival): Promise<boolean> {
    const bytes = sizeOf(arrival);
    if (this.#waiting.length >= MAX_WAITING || this.#bytes + bytes > MAX_BYTES) this.drop();
    if (bytes > MAX_BYTES) return Promise.resolve(false);
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#waiting.push({ arrival, resolve, refuse: reject });
    this.#bytes += bytes;
    if (!isWhole(arrival)) return Promise.resolve(false);
    this.#onArrival();
    return promise;
  }

  /** Takes out the next thing to do for a replica of so many entries; what can't follow is let go on the way. */
  shift(held: bigint): Taken | undefined {
    const last = this.#waiting.findIndex(({ arrival }) => isWhole(arrival));
    if (last < 0) return undefined;
    const chain = this.#waiting.splice(0, last + 1);
    for (const { arrival } of chain) this.#bytes -= sizeOf(arrival);
    const resolve = (taken: boolean): void => {
      for (const one of chain) one.resolve(taken);
    };
    const note = chain.at(-1)?.arrival.note ?? '';
    const refuse = (reason: unknown): void => {
      chain.at(-1)?.refuse(reason);
      resolve(false); // those before it are no worse than they were
    };
    if (chain.at(-1)?.arrival.entries === undefined) return { note, entries: undefined, resolve, refuse };

    const entries: Uint8Array[] = [];
    for (const { arrival } of chain) {
      // What is sent again may begin before what is held: it was cut elsewhere.
      const skipped = Number(held + BigInt(entries.length) - (arrival.start ?? 0n));
      if (skipped < 0) continue;
      entries.push(...(arrival.entries ?? []).slice(skipped));
    }
    const size = chain.at(-1)?.arrival.size;
    if (entries.length > 0 && held + BigInt(entries.length) === size)
      return { note, entries, resolve, refuse };
    resolve(false);
    return this.shift(held);
  }

  /** Lets everything go. */
  drop(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(false);
    this.#bytes = 0;
  }
}

/** Whether the note can be checked with what has come up to this one. */
export function isWhole({ entries, start, size }: Arrival): boolean {
  return entries === undefined || (start ?? 0n) + BigInt(entries.length) >= size;
}

function sizeOf({ note, entries = [] }: Arrival): number {
  return entries.reduce((sum, { length }) => sum + length, note.length);
}
