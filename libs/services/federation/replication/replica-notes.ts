import { parseNote } from '@dockchains/tlog';

import { EquivocationError } from '../gossip/equivocation-error.ts';
import { localTiles } from './catch-up.ts';
import type { FollowDeps } from './follow-deps.ts';
import { findContradiction, type SignedHead } from './heads.ts';
import type { Reached } from './progress.ts';
import type { Replica, ReplicaStores } from './replica.ts';

const NOTE_CHECKED = {
  name: 'replica-note-checked',
  text: 'UPDATE replica SET checked_at = $2 WHERE id = $1',
};
const READ_FROZEN = { name: 'replica-read-frozen', text: 'SELECT frozen FROM replica WHERE id = $1' };
const READ_REACHED = {
  name: 'replica-read-reached',
  text: 'SELECT next AS held, published_size AS published, frozen IS NOT NULL AS "isFrozen" FROM replica WHERE origin = $1',
};
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

/** How far a replica is that another gateway follows. */
export async function readReached(
  { database }: Pick<ReplicaStores, 'database'>,
  origin: string,
): Promise<Reached> {
  const [row] = await database.query<Reached>(READ_REACHED, [origin]);
  return row ?? { held: 0n, published: 0n, isFrozen: false };
}

/**
 * Keeps the newest published note, if what is held agrees with it, and says so.
 * @throws EquivocationError if the log signed two histories
 */
export async function publishHead(
  deps: Pick<FollowDeps, 'database' | 'tiles' | 'clock' | 'onPublished'>,
  replica: Replica,
  published: SignedHead,
): Promise<Replica> {
  const { mirrored } = replica;
  if (mirrored === undefined || published.size > mirrored.size) return replica;
  const proof = await findContradiction(published, mirrored, localTiles(deps, replica));
  if (proof !== undefined) throw new EquivocationError(replica.origin, proof);
  if (!(await adoptPublished(deps, replica, published))) return replica;
  deps.onPublished();
  return { ...replica, published };
}

/** Keeps a published note that the replica covers and agrees with; false if it says nothing new. It only goes forward. */
async function adoptPublished(
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
