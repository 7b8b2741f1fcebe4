import { createHash } from 'node:crypto';

import type { TileStore } from '@dockchains/blobs';
import type { Database } from '@dockchains/database';
import {
  appendToTree,
  encodeBundle,
  encodeFrontier,
  encodeTails,
  entriesPath,
  frontierRoot,
  hashLeaf,
  type Origin,
  parseTiledTree,
  type TiledTree,
  TILE_WIDTH,
  tilePath,
} from '@dockchains/tlog';

import { FederationError } from '../errors.ts';
import { isEqual, reopenHead, type SignedHead } from './heads.ts';

/** Where replicas are kept. */
export type ReplicaStores = { readonly database: Database; readonly tiles: TileStore };

/** A replica as its applier holds it, which has its lock. */
export type Replica = {
  readonly id: number;
  readonly origin: Origin;
  readonly organisation: string;
  /** The tree of the entries that are durable here. */
  readonly tree: TiledTree;
  /** The entries behind the last full bundle, at most 255. */
  readonly tail: readonly Uint8Array[];
  /** The head that was being caught up with. */
  readonly pending: SignedHead | undefined;
  /** The newest head whose entries are all here. */
  readonly mirrored: SignedHead | undefined;
  readonly cosignature: string | undefined;
  readonly published: SignedHead | undefined;
  /** Why nothing more is taken from this log, if that is so. */
  readonly frozen: string | undefined;
};

type Row = {
  readonly id: number;
  readonly next: bigint;
  readonly frontier: Buffer;
  readonly tails: Buffer;
  readonly pending_note: string | null;
  readonly mirrored_note: string | null;
  readonly cosignature: string | null;
  readonly published_note: string | null;
  readonly frozen: string | null;
};

const WIDTH = BigInt(TILE_WIDTH);
const PARALLEL_PUTS = 16;

const BEGIN = {
  name: 'replica-begin',
  text: 'INSERT INTO replica (origin, organisation) VALUES ($1, $2) ON CONFLICT (origin) DO NOTHING',
};
const READ = {
  name: 'replica-read',
  text: `SELECT id, next, frontier, tails, pending_note, mirrored_note, cosignature, published_note, frozen
         FROM replica WHERE origin = $1`,
};
const READ_TAIL = {
  name: 'replica-read-tail',
  text: 'SELECT entry FROM replica_entry WHERE replica_id = $1 AND index >= $2 AND index < $3 ORDER BY index',
};
const SET_PENDING = {
  name: 'replica-set-pending',
  text: 'UPDATE replica SET pending_note = $2 WHERE id = $1',
};
// The tails are written when they changed alone: they are most of the row.
const ADVANCE = {
  name: 'replica-advance',
  text: `WITH moved AS (
           UPDATE replica SET next = $3, frontier = $7, tails = coalesce($8, tails),
             mirrored_size = coalesce($9, mirrored_size), mirrored_note = coalesce($10, mirrored_note),
             cosignature = coalesce($11, cosignature)
           WHERE id = $1 AND next = $2 RETURNING id
         ), dropped AS (
           DELETE FROM replica_entry e USING moved WHERE e.replica_id = moved.id AND e.index < $4
         ), added AS (
           INSERT INTO replica_entry (replica_id, index, entry)
           SELECT moved.id, $5::bigint + n - 1, entry FROM moved, unnest($6::bytea[]) WITH ORDINALITY AS e (entry, n)
         )
         SELECT id FROM moved`,
};

/** `mirror/<hex SHA-256 of the origin>`: names a log where its origin can't stand (C2SP tlog-witness, tlog-mirror). */
export function hashOrigin(origin: string): string {
  return createHash('sha256').update(origin).digest('hex');
}

/** The key of a replica's file in the tile store, by its path below the log's URL. */
export function mirrorKey(originHash: string, path: string): string {
  return `mirror/${originHash}/${path}`;
}

/** Reads a replica, begun where there is none yet. */
export async function loadReplica(
  { database }: ReplicaStores,
  { origin, organisation }: Pick<Replica, 'origin' | 'organisation'>,
): Promise<Replica> {
  await database.query(BEGIN, [origin, organisation]);
  const [row] = await database.query<Row>(READ, [origin]);
  if (row === undefined) throw new Error(`The replica of ${origin} vanished while it was read.`);
  const from = (row.next / WIDTH) * WIDTH;
  const rows = await database.query<{ entry: Buffer }>(READ_TAIL, [row.id, from, row.next]);
  if (BigInt(rows.length) !== row.next - from) {
    throw new Error(`Of the replica of ${origin} the entries behind ${from} are incomplete.`);
  }
  const reopen = (note: string | null): SignedHead | undefined =>
    note === null ? undefined : reopenHead(note);
  return {
    ...{ id: row.id, origin, organisation, tail: rows.map(({ entry }) => entry) },
    tree: parseTiledTree(row.next, row.frontier, row.tails),
    pending: reopen(row.pending_note),
    mirrored: reopen(row.mirrored_note),
    published: reopen(row.published_note),
    cosignature: row.cosignature ?? undefined,
    frozen: row.frozen ?? undefined,
  };
}

/** Remembers the head that entries will be verified under, before the first of them is kept. */
export async function setPending(
  { database }: ReplicaStores,
  replica: Replica,
  pending: SignedHead,
): Promise<Replica> {
  await database.query(SET_PENDING, [replica.id, pending.note]);
  return { ...replica, pending };
}

/** Entries that were verified, for the end of a replica; those up to a head come with it. */
export type Advance = {
  readonly entries: readonly Uint8Array[];
  /** The head that the entries reach, and the signing of it, which no one hears of before all is durable. */
  readonly reached?: { readonly head: SignedHead; readonly cosign: (head: SignedHead) => string };
};

/**
 * Makes verified entries durable: full bundles and tiles put if absent, then the row and the rest of the entries in one
 * statement. Done again after a crash, each step finds what it would write.
 * @throws FederationError OVERTAKEN if another gateway moved the replica meanwhile; SOURCE_REFUTED, and nothing is written, if
 *   the entries do not give the root of the head that they reach
 */
export async function advance(
  { database, tiles }: ReplicaStores,
  replica: Replica,
  { entries, reached }: Advance,
): Promise<Replica> {
  const { tree, filled } = appendToTree(replica.tree, entries.map(hashLeaf));
  if (reached !== undefined && !isEqual(frontierRoot(tree.frontier), reached.head.root)) {
    throw new FederationError(
      'SOURCE_REFUTED',
      `The entries of ${replica.origin} do not give the root that was signed at ${reached.head.size}.`,
    );
  }
  const boundary = (tree.size / WIDTH) * WIDTH;
  const all = [...replica.tail, ...entries];
  const first = replica.tree.size - BigInt(replica.tail.length);
  const tail = all.slice(Number(boundary - first));

  const files = new Map<string, () => Uint8Array>();
  for (let index = first / WIDTH; index < tree.size / WIDTH; index += 1n) {
    const at = Number(index * WIDTH - first);
    const path = entriesPath({ index, width: TILE_WIDTH });
    files.set(path, () => encodeBundle(all.slice(at, at + TILE_WIDTH)));
  }
  for (const { id, bytes } of filled) files.set(tilePath(id), () => bytes);
  await putFiles(tiles, hashOrigin(replica.origin), files);

  const cosignature = reached?.cosign(reached.head);
  const kept = boundary > replica.tree.size ? tail : entries;
  const hasNewTails = files.size > 0;
  const moved = await database.query(ADVANCE, [
    ...[replica.id, replica.tree.size, tree.size, boundary, tree.size - BigInt(kept.length), kept],
    ...[encodeFrontier(tree.frontier), hasNewTails ? encodeTails(tree) : null],
    ...[reached?.head.size ?? null, reached?.head.note ?? null, cosignature ?? null],
  ]);
  if (moved.length === 0) {
    throw new FederationError('OVERTAKEN', `Another gateway follows ${replica.origin} now.`);
  }
  return {
    ...{ ...replica, tree, tail },
    ...(reached !== undefined && { mirrored: reached.head, cosignature }),
  };
}

async function putFiles(
  tiles: TileStore,
  originHash: string,
  files: ReadonlyMap<string, () => Uint8Array>,
): Promise<void> {
  const waiting = [...files].values();
  const put = async (): Promise<void> => {
    for (const [path, bytesOf] of waiting) await tiles.putIfAbsent(mirrorKey(originHash, path), bytesOf());
  };
  await Promise.all(Array.from({ length: PARALLEL_PUTS }, put));
}
