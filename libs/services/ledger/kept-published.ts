import { openCheckpoint, parseNote } from '@dockchains/tlog';

import { keyOf, type LedgerContext } from './context.ts';
import { findPublishedHead, type KeptHead } from './heads.ts';

const NOTE_COSIGNERS = {
  name: 'ledger-note-cosigners',
  text: `INSERT INTO cosigner (ledger_id, name, first_at, last_at, last_size)
         SELECT $1, name, $3, $3, $4 FROM unnest($2::text[]) AS n (name) ON CONFLICT DO NOTHING`,
};

/** The last cosigned note, beside the signed one. */
export const publishedKey = (name: string): string => keyOf(name, 'published');

/**
 * Keeps a cosigned note beside the signed one: after a database was put back, everybody sees it again without its having to be cosigned
 * anew. Whoever was halted and has just written over a later one writes that one again.
 */
export async function keepPublished(context: LedgerContext, head: KeptHead): Promise<void> {
  const { database, ledgerId, tiles, name } = context;
  await tiles.replace(publishedKey(name), Buffer.from(head.note));
  const latest = await findPublishedHead(database, ledgerId);
  if (latest !== undefined && latest.size > head.size) await keepPublished(context, latest);
}

/** The cosigned head that was published last, as far as the tile store knows; undefined where it has none that our key signed. */
export async function findKeptPublished({
  tiles,
  name,
  signer,
}: LedgerContext): Promise<KeptHead | undefined> {
  const bytes = await tiles.get(publishedKey(name));
  if (bytes === undefined) return undefined;
  const { checkpoint } = openCheckpoint(bytes, signer.verifierKey);
  return { size: checkpoint.size, root: Buffer.from(checkpoint.root), note: bytes.toString('utf8') };
}

/** Whoever cosigned a published note goes on to count, though the database forgot it: else the next head would wait for nobody. */
export async function noteCosigners(
  { database, ledgerId, origin, clock }: LedgerContext,
  { size, note }: KeptHead,
): Promise<void> {
  const names = parseNote(note).signatures.flatMap(({ name }) => (name === origin ? [] : [name]));
  await database.query(NOTE_COSIGNERS, [ledgerId, [...new Set(names)], clock(), size]);
}
