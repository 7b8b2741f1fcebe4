import type { LogReader } from '@dockchains/client';
import { ClientError } from '@dockchains/client';
import type { TileReader, VerifierKey } from '@dockchains/tlog';

import { findContradiction, isEqual, openHead, type SignedHead } from './heads.ts';
import { readMirrorTiles } from './mirror-files.ts';
import { advance, type Replica, type ReplicaStores, setPending } from './replica.ts';
import { EquivocationError } from '../gossip/equivocation-error.ts';
import { readVerifiedEntries } from './verified-entries.ts';
import { openVerifiedTiles } from './verified-tiles.ts';

/** What a log's own gateway, or somebody's mirror of it, says of its heads. */
export type ServedHeads = { readonly published: SignedHead; readonly newest: SignedHead };

/** What catching up needs besides the stores. */
export type CatchUp = {
  readonly reader: LogReader;
  /** Signs that all up to the head is held durably; called before the row is written, sent behind it. */
  readonly cosign: (head: SignedHead) => string;
  /** Called after each part with what is durable; throws to end it. */
  readonly onProgress: (replica: Replica, target: SignedHead) => void;
};

// A part is a transaction, and what a crash makes us fetch again.
const PART_ENTRIES = 64 * 256;
const PART_BYTES = 16 * 1024 * 1024;

/** Reads both heads that a log is served with; a log of others' making has its checkpoint alone. @throws ClientError, TlogError */
export async function readHeads(reader: LogReader, logKey: VerifierKey): Promise<ServedHeads> {
  // In this order, so that the newest covers the published one.
  const published = openHead(await reader.readCheckpoint(), logKey);
  const newest = await readNewest(reader, logKey);
  return { published, newest: newest === undefined || newest.size < published.size ? published : newest };
}

async function readNewest(reader: LogReader, logKey: VerifierKey): Promise<SignedHead | undefined> {
  try {
    return openHead(await reader.readSigned(), logKey);
  } catch (error) {
    if (error instanceof ClientError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Takes the entries up to the head: none is kept before it was verified under it, and none before the head was compared
 * with the heads known of this log. Gives the replica as it is then; a head behind it changes nothing.
 * @throws EquivocationError if the log signed two histories; FederationError SOURCE_REFUTED, OVERTAKEN; ClientError
 */
export async function catchUp(
  stores: ReplicaStores,
  replica: Replica,
  { reader, cosign, onProgress, target }: CatchUp & { readonly target: SignedHead },
): Promise<Replica> {
  const { mirrored, pending, tree } = replica;
  if (mirrored !== undefined && target.size <= mirrored.size) {
    await compare(target, mirrored, () => Promise.resolve(localTiles(stores, replica)));
    return replica;
  }
  // A head that was begun with is finished first if it is the larger: its entries are here in part.
  const begun = pending !== undefined && pending.size >= tree.size ? pending : undefined;
  if (begun !== undefined && target.size < begun.size) {
    const tiles = await openVerifiedTiles(reader, begun);
    await compare(target, begun, () => Promise.resolve(tiles));
    return take(stores, replica, { reader, cosign, onProgress, target: begun, tiles });
  }
  const tiles = await openVerifiedTiles(reader, target);
  for (const known of [mirrored, begun]) {
    if (known !== undefined) await compare(known, target, () => Promise.resolve(tiles));
  }
  return take(stores, await setPending(stores, replica, target), {
    ...{ reader, cosign, onProgress, target, tiles },
  });
}

/** The verified tiles of what is held here. */
export function localTiles(stores: ReplicaStores, { origin }: Pick<Replica, 'origin'>): TileReader {
  return readMirrorTiles(stores, origin).readTile;
}

async function compare(
  smaller: SignedHead,
  larger: SignedHead,
  openTiles: () => Promise<TileReader>,
): Promise<void> {
  if (smaller.size === larger.size && isEqual(smaller.root, larger.root)) return;
  const proof = await findContradiction(smaller, larger, await openTiles());
  if (proof !== undefined) throw new EquivocationError(smaller.origin, proof);
}

async function take(
  stores: ReplicaStores,
  replica: Replica,
  {
    reader,
    cosign,
    onProgress,
    target,
    tiles,
  }: CatchUp & { readonly target: SignedHead; readonly tiles: TileReader },
): Promise<Replica> {
  let held = replica;
  let part: Uint8Array[] = [];
  let bytes = 0;
  const start = replica.tree.size;
  for await (const entries of readVerifiedEntries(reader, { start, head: target, tiles })) {
    part.push(...entries);
    bytes += entries.reduce((sum, { length }) => sum + length, 0);
    const isWhole = held.tree.size + BigInt(part.length) === target.size;
    if (isWhole || (part.length < PART_ENTRIES && bytes < PART_BYTES)) continue;
    held = await advance(stores, held, { entries: part });
    onProgress(held, target);
    [part, bytes] = [[], 0];
  }
  held = await advance(stores, held, { entries: part, reached: { head: target, cosign } });
  onProgress(held, target);
  return held;
}
