import { openCheckpoint } from '@dockchains/tlog';

import { keyOf, type LedgerContext } from './context.ts';
import { findPublishedHead, type KeptHead } from './heads.ts';

const publishedKey = (name: string): string => keyOf(name, 'published');

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
