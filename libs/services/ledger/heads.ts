import type { Queryable } from '@dockchains/database';
import { signCheckpoint } from '@dockchains/tlog';

import { signedKey, type Batch, type LedgerContext } from './context.ts';
import { LedgerError } from './errors.ts';

/** A signed tree head as it is kept: `note` is the whole signed note. */
export interface KeptHead {
  readonly size: bigint;
  readonly root: Buffer;
  readonly note: string;
}

const READ_SIGNED = {
  name: 'ledger-read-signed',
  text: 'SELECT size, root, note FROM signed_head WHERE ledger_id = $1',
};
const SWAP_SIGNED = {
  name: 'ledger-swap-signed',
  text: `UPDATE signed_head SET size = $4, root = $5, note = $6
         WHERE ledger_id = $1 AND size = $2 AND root = $3
           AND NOT EXISTS (SELECT FROM ledger WHERE id = $1 AND frozen IS NOT NULL) RETURNING size`,
};
const READ_PUBLISHED = {
  name: 'ledger-read-published',
  text: 'SELECT size, root, note FROM published_checkpoint WHERE ledger_id = $1',
};
const SWAP_PUBLISHED = {
  name: 'ledger-swap-published',
  text: `UPDATE published_checkpoint SET size = $2, root = $3, note = $4, published_at = $5
         WHERE ledger_id = $1 AND size < $2 RETURNING size`,
};

const findHead = async (
  database: Queryable,
  statement: typeof READ_SIGNED,
  ledgerId: number,
): Promise<KeptHead | undefined> => {
  const [row] = await database.query<{ size: bigint; root: Buffer; note: string }>(statement, [ledgerId]);
  return row;
};

/** The last head that was signed; undefined before the log began. */
export function findSignedHead(database: Queryable, ledgerId: number): Promise<KeptHead | undefined> {
  return findHead(database, READ_SIGNED, ledgerId);
}

/** The head that everybody may see; undefined before the log began. */
export function findPublishedHead(database: Queryable, ledgerId: number): Promise<KeptHead | undefined> {
  return findHead(database, READ_PUBLISHED, ledgerId);
}

/**
 * Step 3: signs the batch's head and puts it into `signed_head` by compare-and-swap. The signature is in this
 * process's memory alone until that has committed; then the note goes to the tile store too, before anyone else can
 * see it, so that a database put back to an earlier state is found out.
 * @throws LedgerError OVERTAKEN if another gateway moved the head meanwhile, or froze the ledger; CONTRADICTION if the signed head lies within
 *   or before the batch's predecessor
 */
export async function signBatch(context: LedgerContext, batch: Batch): Promise<KeptHead> {
  const { database, ledgerId, origin, signer } = context;
  const previous = await findSignedHead(database, ledgerId);
  if (previous === undefined) throw new LedgerError('CONTRADICTION', `${origin} has no signed head.`);
  if (previous.size === batch.end && !previous.root.equals(batch.root)) {
    throw new LedgerError('CONTRADICTION', `${origin} signed another root at ${batch.end} entries.`);
  }
  if (previous.size >= batch.end) return keepSigned(context, previous);
  if (previous.size !== batch.start) {
    throw new LedgerError(
      'CONTRADICTION',
      `The signed head of ${origin} is at ${previous.size}, the next batch begins at ${batch.start}: nothing was signed.`,
    );
  }
  const note = signCheckpoint({ origin, size: batch.end, root: batch.root }, signer);
  const swapped = await database.query(SWAP_SIGNED, [
    ledgerId,
    previous.size,
    previous.root,
    batch.end,
    batch.root,
    note,
  ]);
  if (swapped.length === 0) {
    throw new LedgerError(
      'OVERTAKEN',
      `Another gateway signed for ${origin} meanwhile: this signature was thrown away.`,
    );
  }
  return keepSigned(context, { size: batch.end, root: Buffer.from(batch.root), note });
}

// Also of a batch signed before: a crash may have come between the swap and the file. Whoever was halted in between and
// has just written over a later head's note writes that one again.
const keepSigned = async (context: LedgerContext, head: KeptHead): Promise<KeptHead> => {
  const { database, ledgerId, tiles, name } = context;
  await tiles.replace(signedKey(name), Buffer.from(head.note));
  const latest = await findSignedHead(database, ledgerId);
  return latest === undefined || latest.size <= head.size ? head : keepSigned(context, latest);
};

/**
 * Steps 4 and 5: shows the signed head to everybody. With no peers the policy is `quorum none`, so nothing is waited
 * for; cosignatures will be collected and checked here.
 */
export async function publishHead(
  { database, ledgerId, clock }: LedgerContext,
  head: KeptHead,
): Promise<void> {
  await database.query(SWAP_PUBLISHED, [ledgerId, head.size, head.root, head.note, clock()]);
}
