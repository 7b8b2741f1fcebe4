import { parseNote } from '@dockchains/tlog';

import type { SignedHead } from './heads.ts';
import type { Replica, ReplicaStores } from './replica.ts';

const NOTE_CHECKED = {
  name: 'replica-note-checked',
  text: 'UPDATE replica SET checked_at = $2 WHERE id = $1',
};
const READ_FROZEN = { name: 'replica-read-frozen', text: 'SELECT frozen FROM replica WHERE id = $1' };
const ADOPT = {
  name: 'replica-adopt-published',
  text: `UPDATE replica SET published_size = $2, published_note = $3, published_at = $4
         WHERE id = $1 AND published_size <= $2 RETURNING id`,
};

/** Says why nothing more is taken from the log, if that is so; with a time, also that its own gateway was asked then. */
export async function noteChecked(
  { database }: ReplicaStores,
  { id }: Replica,
  at: Date | undefined,
): Promise<string | undefined> {
  if (at !== undefined) await database.query(NOTE_CHECKED, [id, at]);
  const [row] = await database.query<{ frozen: string | null }>(READ_FROZEN, [id]);
  return row?.frozen ?? undefined;
}

/** Keeps a published note that the replica covers and agrees with; false if it says nothing new. It only goes forward. */
export async function adoptPublished(
  { database, clock }: ReplicaStores & { readonly clock: () => Date },
  { id, published }: Replica,
  head: SignedHead,
): Promise<boolean> {
  if (published !== undefined && !isNewer(head, published)) return false;
  const adopted = await database.query(ADOPT, [id, head.size, head.note, clock()]);
  return adopted.length > 0;
}

/** Larger, or the same with cosignatures that came later. */
function isNewer(head: SignedHead, known: SignedHead): boolean {
  if (head.size !== known.size) return head.size > known.size;
  return parseNote(head.note).signatures.length > parseNote(known.note).signatures.length;
}
