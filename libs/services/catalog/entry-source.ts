import { EVERYTHING, type Readable } from '@dockchains/access';
import type { Ledger } from '@dockchains/ledger';

/** An entry at its place in a ledger. What is sealed comes opened, as the record that it hides; empty where it can't be. */
export type SourceEntry = { readonly index: bigint; readonly entry: Uint8Array };

/** A ledger to read in order: an own one, or the verified replica of a peer's. */
export interface EntrySource {
  /** `<organisation>/ledger/<name>`. */
  readonly origin: string;
  readonly organisation: string;
  /** How many entries stand under the newest checkpoint that may be believed; it never goes back. */
  publishedSize(): Promise<bigint>;
  /** Up to `limit` published entries from `start` on, without a gap: at least one if there is any. */
  read(start: bigint, limit: number): Promise<readonly SourceEntry[]>;
  /** Calls the listener when there may be more, as a hint; gives what ends that. */
  subscribe(listener: () => void): () => void;
}

const ALL: Readable = { policies: [EVERYTHING], scopes: [EVERYTHING], everything: true };
const NOTHING = new Uint8Array();

/** Reads a ledger of our own, opened where it is sealed; `subscribe` is how its publications are heard of. */
export function sourceOfLedger(ledger: Ledger, subscribe: EntrySource['subscribe']): EntrySource {
  const { origin } = ledger;
  return {
    origin,
    organisation: origin.slice(0, origin.indexOf('/')),
    publishedSize: () => ledger.publishedSize(),
    async read(start, limit) {
      const size = await ledger.publishedSize();
      const end = start + BigInt(limit) < size ? start + BigInt(limit) : size;
      if (end <= start) return [];
      const found = await ledger.readEntries(start, limit, ALL);
      const shown = new Map(found.map(({ index, statement }) => [index, statement]));
      return Array.from({ length: Number(end - start) }, (_, offset) => {
        const index = start + BigInt(offset);
        return { index, entry: shown.get(index) ?? NOTHING };
      });
    },
    subscribe,
  };
}
