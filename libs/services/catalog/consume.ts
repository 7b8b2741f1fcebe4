import type { Database, Statement } from '@dockchains/database';

import { applyChanges } from './apply.ts';
import type { EntrySource, SourcedEntry } from '@dockchains/ledger';
import { foldEntries } from './fold.ts';

const BEGIN_POSITION: Statement = {
  name: 'catalog_begin_position',
  text: `INSERT INTO catalog_position (generation, origin)
         SELECT generation, $2 FROM catalog_generation WHERE generation = $1 AND state <> 'dropped'
         ON CONFLICT DO NOTHING`,
};
// Nobody waits for the disk here: what a loss of power takes back is position and rows alike, and is consumed again.
const MOVE_POSITION: Statement = {
  name: 'catalog_move_position',
  text: `UPDATE catalog_position SET next = $4, updated_at = CURRENT_TIMESTAMP
         WHERE generation = $1 AND origin = $2 AND next = $3
         RETURNING next, set_config('synchronous_commit', 'off', true)`,
};

/** The entries of one transaction: more of them are hardly faster, and take more memory. */
export const BATCH = 2_000;

/**
 * Consumes entries that begin at the ledger's position: their changes and the position move in one transaction, so each
 * entry counts exactly once, whoever else consumes and wherever this one is killed. Gives false, and nothing is changed, if
 * somebody else has moved the position.
 */
export async function consumeEntries(
  database: Database,
  { source, generation }: { readonly source: EntrySource; readonly generation: number },
  entries: readonly SourcedEntry[],
): Promise<boolean> {
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return true;
  const { origin, organisation } = source;
  const changes = foldEntries(source, entries);
  return database.transaction(async (transaction) => {
    if (first.index === 0n) await transaction.query(BEGIN_POSITION, [generation, origin]);
    // The row's lock comes before all else: who comes second finds it moved.
    const move = [generation, origin, first.index, last.index + 1n];
    if ((await transaction.query(MOVE_POSITION, move)).length === 0) return false;
    await applyChanges(transaction, { generation, origin, organisation }, changes);
    return true;
  });
}
