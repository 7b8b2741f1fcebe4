import type { Origin } from '@dockchains/tlog';

import type { IndexedEntry } from './reads.ts';

/** An entry with its place in its log; nothing is said of what it means. */
export type SourcedEntry = Pick<IndexedEntry, 'index' | 'entry'>;

/**
 * The published entries of one public log, the own organisation's or another's as it is replicated here: every one of them
 * was found under a signed head before it is given. Whoever consumes them keeps its own position.
 */
export interface EntrySource {
  readonly origin: Origin;
  /** The organisation whose log it is. */
  readonly organisation: string;
  /** How many entries are published, as far as is known here; it only grows. */
  publishedSize(): Promise<bigint>;
  /** Up to `limit` (1 to 4,096) published entries from `start` on, in order and without a gap; none behind the published size. */
  read(start: bigint, limit: number): Promise<readonly SourcedEntry[]>;
  /** Calls the listener when more may be published, until the function that this gives is called. A hint: poll as well, another gateway may publish. */
  subscribe(listener: () => void): () => void;
}

/** Who wants to hear of something in this process. */
export interface Listeners {
  notify(): void;
  subscribe(listener: () => void): () => void;
}

/** Makes a list of listeners that is empty. */
export function openListeners(): Listeners {
  const listeners = new Set<() => void>();
  return {
    notify() {
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      // Of its own, so that one that is given twice is called twice and each is taken back alone.
      const own = (): void => {
        listener();
      };
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
  };
}
