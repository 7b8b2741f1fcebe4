import type { Ledger } from './ledger.ts';

/** Who can see a repository: it names the ledger of its records. The protected ledger comes with its panels. */
export type LedgerName = 'public' | 'private';

/** The ledgers of one organisation. */
export interface Ledgers {
  readonly all: readonly Ledger[];
  readonly public: Ledger;
  readonly private: Ledger;
  /** The ledger that records repositories of this visibility. @throws RangeError if there is none of the name */
  of(visibility: string): Ledger;
  /** Finds a ledger by its last component, such as `public`, or by its whole origin. */
  find(nameOrOrigin: string): Ledger | undefined;
  /** Finishes the steps under way and lets another gateway sequence. */
  close(): Promise<void>;
}

/** Makes the ledgers of an organisation out of its opened ones. */
export function gatherLedgers(named: Readonly<Record<LedgerName, Ledger>>): Ledgers {
  const all = [named.public, named.private];
  const find = (text: string): Ledger | undefined =>
    all.find(({ name, origin }) => name === text || origin === text);
  return {
    ...named,
    all,
    find,
    of(visibility) {
      const found = find(visibility);
      if (found !== undefined) return found;
      throw new RangeError(`There is no ledger of ${visibility} repositories.`);
    },
    async close() {
      await Promise.all(all.map((ledger) => ledger.close()));
    },
  };
}
