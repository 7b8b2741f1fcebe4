import { BlobStoreError, type TileStore } from '@dockchains/blobs';
import type { Database } from '@dockchains/database';
import { hasInception, writeInception } from '@dockchains/keys';
import { EMPTY_ROOT, signCheckpoint } from '@dockchains/tlog';

import { keyOf, signedKey, type LedgerDeps } from './context.ts';
import { LedgerError } from './errors.ts';

const FIND_LEDGER = { name: 'ledger-find', text: 'SELECT id, size FROM ledger WHERE origin = $1' };
const INSERT_LEDGER = {
  name: 'ledger-insert',
  text: `INSERT INTO ledger (origin, root, frontier) VALUES ($1, $2, '') ON CONFLICT (origin) DO NOTHING RETURNING id`,
};
const INSERT_SIGNED = {
  name: 'ledger-insert-signed',
  text: 'INSERT INTO signed_head (ledger_id, size, root, note) VALUES ($1, 0, $2, $3)',
};
const INSERT_PUBLISHED = {
  name: 'ledger-insert-published',
  text: 'INSERT INTO published_checkpoint (ledger_id, size, root, note, published_at) VALUES ($1, 0, $2, $3, $4)',
};

/**
 * The ledger's row id, beginning the log where it has never begun: rows, then the signed empty head in the tile
 * store, then the inception file. A log that has begun is never begun again: where the database or the tile store
 * lost it, the row is made empty for recovery to fill, or the start is refused if there is nothing to recover from.
 * @throws LedgerError FROZEN
 */
export async function beginLedger(deps: LedgerDeps, name: string): Promise<number> {
  const { database, tiles, keysDirectory, origin, clock } = deps;
  const begun = await hasInception(keysDirectory, origin);
  const traced = (await tiles.get(signedKey(name))) !== undefined;
  const [row] = await database.query<{ id: number; size: bigint }>(FIND_LEDGER, [origin]);

  if (begun && !traced) {
    throw new LedgerError(
      'FROZEN',
      `${origin} has begun, but the blob store has no trace of it under ${keyOf(name, '')}: is another folder mounted there? Put the right one back and start again.`,
    );
  }
  const id = row?.id ?? (await insertRows(database, deps));
  if (!traced) {
    if ((row?.size ?? 0n) > 0n) {
      throw new LedgerError(
        'FROZEN',
        `The database holds ${row?.size ?? 0n} entries of ${origin}, the keys folder and the blob store know nothing of it: put the right ones back and start again.`,
      );
    }
    await keepEmpty(tiles, name, emptyNote(deps));
  }
  if (!begun) await writeInception(keysDirectory, origin, clock());
  return id;
}

/** How many entries of a ledger the database holds; undefined if it does not know it. */
export async function findLedgerSize(database: Database, origin: string): Promise<bigint | undefined> {
  const [row] = await database.query<{ id: number; size: bigint }>(FIND_LEDGER, [origin]);
  return row?.size;
}

/** Another gateway that began at the same time may have signed entries already: its note stays. */
const keepEmpty = async (tiles: TileStore, name: string, note: string): Promise<void> => {
  try {
    await tiles.putIfAbsent(signedKey(name), Buffer.from(note));
  } catch (error) {
    if (!(error instanceof BlobStoreError && error.code === 'TILE_CONFLICT')) throw error;
  }
};

const emptyNote = ({ origin, signer }: LedgerDeps): string =>
  signCheckpoint({ origin, size: 0n, root: EMPTY_ROOT }, signer);

const insertRows = (database: Database, deps: LedgerDeps): Promise<number> =>
  database.transaction(async (transaction) => {
    const [inserted] = await transaction.query<{ id: number }>(INSERT_LEDGER, [deps.origin, EMPTY_ROOT]);
    if (inserted === undefined) {
      // Another gateway was first; its transaction has committed, or this insert would still be waiting.
      const [existing] = await transaction.query<{ id: number }>(FIND_LEDGER, [deps.origin]);
      if (existing === undefined) throw new Error(`${deps.origin} vanished while it was begun`);
      return existing.id;
    }
    const note = emptyNote(deps);
    await transaction.query(INSERT_SIGNED, [inserted.id, EMPTY_ROOT, note]);
    await transaction.query(INSERT_PUBLISHED, [inserted.id, EMPTY_ROOT, note, deps.clock()]);
    return inserted.id;
  });
