import { encodeProofFile, proveInclusion, type TileId } from '@dockchains/tlog';

import type { LedgerContext } from './context.ts';
import { findPublishedHead } from './heads.ts';
import { readTile, type TileCache } from './tiles.ts';

/** An entry with its place in the log. */
export interface IndexedEntry {
  readonly index: bigint;
  readonly recordId: string;
  readonly entry: Uint8Array;
}

/** An entry found by its record id; without an index it still waits in the queue. */
export interface FoundEntry {
  readonly entry: Uint8Array;
  readonly index: bigint | undefined;
  /** The scope that a sealed entry is of, and the repository's salt in it, 32 bytes. */
  readonly scope?: { readonly scopeId: string; readonly repoSalt: Uint8Array };
}

/** An entry with what it says: itself where it is in the clear, else the record that it hides. */
export type Shown<Entry> = Entry & { readonly statement: Uint8Array };

// One statement, so that an entry on its way from the queue into the log is seen in one of the two.
const FIND_ENTRIES = {
  name: 'ledger-find-entries',
  text: `SELECT f.record_id, f.entry, f.index, s.scope_id, s.repo_salt
         FROM (SELECT r.record_id, e.entry, e.index FROM ledger_record r
                 JOIN ledger_entry e ON e.ledger_id = r.ledger_id AND e.index = r.index
                WHERE r.ledger_id = $1 AND r.record_id = ANY($2)
               UNION ALL
               SELECT record_id, entry, NULL FROM ledger_queue WHERE ledger_id = $1 AND record_id = ANY($2)) AS f
         LEFT JOIN sealed_record b ON b.ledger_id = $1 AND b.record_id = f.record_id
         LEFT JOIN scope s ON s.scope_id = b.scope_id`,
};
const READ_ENTRIES = {
  name: 'ledger-read-entries',
  text: `SELECT e.index, e.record_id, e.entry FROM ledger_entry e
         WHERE e.ledger_id = $1 AND e.index >= $2 AND e.index < $3
           AND e.index < (SELECT size FROM published_checkpoint WHERE ledger_id = $1)
         ORDER BY e.index`,
};

/** The entries of those records that there are, by record id, whether they have their index yet or not. */
export async function findEntries(
  context: LedgerContext,
  recordIds: readonly string[],
): Promise<ReadonlyMap<string, FoundEntry>> {
  const rows = await context.database.query<FoundRow>(FIND_ENTRIES, [context.ledgerId, recordIds]);
  return new Map(
    rows.map(({ record_id, entry, index, scope_id: scopeId, repo_salt: repoSalt }) => [
      record_id,
      {
        ...{ entry, index: index ?? undefined },
        ...(scopeId !== null && repoSalt !== null && { scope: { scopeId, repoSalt } }),
      },
    ]),
  );
}

type FoundRow = {
  readonly record_id: string;
  readonly entry: Buffer;
  readonly index: bigint | null;
  readonly scope_id: string | null;
  readonly repo_salt: Buffer | null;
};

/** Up to `limit` published entries from `start` on. */
export async function readEntries(
  context: LedgerContext,
  start: bigint,
  limit: number,
): Promise<IndexedEntry[]> {
  const rows = await context.database.query<{ index: bigint; record_id: string; entry: Buffer }>(
    READ_ENTRIES,
    [context.ledgerId, start, start + BigInt(limit)],
  );
  return rows.map((row) => ({ index: row.index, recordId: row.record_id, entry: row.entry }));
}

/** A C2SP tlog-proof of the entry at `index` under the published checkpoint, with what `disclose` makes of the entry in its `extra` line. */
export async function proveEntry(
  context: LedgerContext,
  {
    cache,
    disclose,
  }: { cache: TileCache; disclose: (entry: IndexedEntry) => Uint8Array | Promise<Uint8Array> },
  index: bigint,
): Promise<string | undefined> {
  const head = await findPublishedHead(context.database, context.ledgerId);
  if (head === undefined || index >= head.size || index < 0n) return undefined;
  const [found] = await readEntries(context, index, 1);
  if (found === undefined) return undefined;
  const hashes = await proveInclusion(index, head.size, async (tile: TileId) => {
    const bytes = await readTile(context, cache, tile);
    if (bytes === undefined)
      throw new Error(`tile ${tile.level}/${tile.index} of a published tree is missing`);
    return bytes;
  });
  return encodeProofFile({ extra: await disclose(found), index, hashes, checkpoint: head.note });
}
