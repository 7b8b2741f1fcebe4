import { EVERYTHING, type Readable } from '@dockchains/access';
import type { EntrySource, Ledger } from '@dockchains/ledger';

const ALL: Readable = { policies: [EVERYTHING], scopes: [EVERYTHING], everything: true };
const NOTHING = new Uint8Array();

/**
 * Reads a ledger of sealed records as what they hide, for a consumer that shows each to those alone who may read it. An entry that can't be
 * opened comes as no bytes, so that there is no gap.
 */
export function openedSource(ledger: Ledger, organisation: string): EntrySource {
  return {
    ...ledger.source(organisation),
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
  };
}
