import { frozenKey, type LedgerContext } from './context.ts';

const FREEZE = {
  name: 'ledger-freeze',
  text: 'UPDATE ledger SET frozen = $2 WHERE id = $1 AND frozen IS NULL',
};

/** Has nothing more be given an index or signed, on any gateway, and for good: durable when it resolves. The first reason stays. */
export async function freezeLedger(
  { database, tiles, ledgerId, name }: LedgerContext,
  reason: string,
): Promise<void> {
  await database.query(FREEZE, [ledgerId, reason]);
  await tiles.replace(frozenKey(name), Buffer.from(reason));
}

/** Freezes again a ledger whose database was put back to before it was frozen. */
export async function restoreFreeze(context: LedgerContext): Promise<void> {
  const kept = await context.tiles.get(frozenKey(context.name));
  if (kept !== undefined) await context.database.query(FREEZE, [context.ledgerId, kept.toString('utf8')]);
}
