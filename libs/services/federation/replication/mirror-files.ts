import type { LogReader } from '@dockchains/client';
import type { SourcedEntry } from '@dockchains/ledger';
import {
  addSignatures,
  type BundleId,
  encodeBundle,
  entriesPath,
  HASH_BYTES,
  hashLeaf,
  parseBundle,
  parseTiledTree,
  type TileId,
  TILE_WIDTH,
  tilePath,
} from '@dockchains/tlog';

import { FederationError } from '../errors.ts';
import { hashOrigin, mirrorKey, type ReplicaStores } from './replica.ts';

/** A log as it is mirrored here, by the paths of its files; what is not held is undefined. */
export type MirrorFiles = {
  /** The newest note that its organisation published, with our mirror's cosignature where it holds just that. */
  readonly checkpoint: () => Promise<string | undefined>;
  /** The newest note whose entries are all held here, with our mirror's cosignature. */
  readonly signed: () => Promise<string | undefined>;
  /** The newest note that was taken up here, whose entries may be held in part: whoever lost the log learns what he signed. */
  readonly pending: () => Promise<string | undefined>;
  readonly tile: (tile: TileId) => Promise<Uint8Array | undefined>;
  readonly bundle: (bundle: BundleId) => Promise<Uint8Array | undefined>;
};

type Row = {
  readonly id: number;
  readonly next: bigint;
  readonly frontier: Buffer;
  readonly tails: Buffer;
};
type Notes = {
  readonly pending_note: string | null;
  readonly mirrored_size: bigint;
  readonly mirrored_note: string | null;
  readonly cosignature: string | null;
  readonly published_size: bigint;
  readonly published_note: string | null;
};

const WIDTH = BigInt(TILE_WIDTH);

// There are as many rows as peers.
const READ_NOTES = {
  name: 'replica-read-notes',
  text: `SELECT pending_note, mirrored_size, mirrored_note, cosignature, published_size, published_note FROM replica
         WHERE encode(sha256(convert_to(origin, 'UTF8')), 'hex') = $1`,
};
const READ_TREE = {
  name: 'replica-read-tree',
  text: `SELECT id, next, frontier, tails FROM replica WHERE encode(sha256(convert_to(origin, 'UTF8')), 'hex') = $1`,
};
const READ_ENTRIES = {
  name: 'replica-read-entries',
  text: `SELECT e.entry FROM replica_entry e JOIN replica r ON r.id = e.replica_id
         WHERE encode(sha256(convert_to(r.origin, 'UTF8')), 'hex') = $1 AND e.index >= $2 AND e.index < $3
         ORDER BY e.index`,
};

/** Opens the files of the replica whose origin has this SHA-256, in hexadecimal. */
export function openMirrorFiles({ database, tiles }: ReplicaStores, originHash: string): MirrorFiles {
  const readFull = (path: string): Promise<Buffer | undefined> => tiles.get(mirrorKey(originHash, path));

  const readEntries = async ({ index, width }: BundleId): Promise<readonly Uint8Array[] | undefined> => {
    const from = index * WIDTH;
    if (width < TILE_WIDTH) {
      const rows = await database.query<{ entry: Buffer }>(READ_ENTRIES, [
        ...[originHash, from, from + BigInt(width)],
      ]);
      if (rows.length === width) return rows.map(({ entry }) => entry);
    }
    // A partial bundle that has become full since is cut from it.
    const full = await readFull(entriesPath({ index, width: TILE_WIDTH }));
    return full === undefined ? undefined : parseBundle(full, TILE_WIDTH).slice(0, width);
  };

  const readUpper = async ({ level, index, width }: TileId): Promise<Uint8Array | undefined> => {
    const full = await readFull(tilePath({ level, index, width: TILE_WIDTH }));
    if (full !== undefined) return full.subarray(0, width * HASH_BYTES);
    const [row] = await database.query<Row>(READ_TREE, [originHash]);
    if (row === undefined || index !== row.next >> BigInt(8 * (level + 1))) return undefined;
    const bytes = parseTiledTree(row.next, row.frontier, row.tails).tails[level - 1];
    return bytes !== undefined && bytes.length >= width * HASH_BYTES
      ? bytes.subarray(0, width * HASH_BYTES)
      : undefined;
  };

  const readNotes = async (): Promise<Notes | undefined> => {
    const [row] = await database.query<Notes>(READ_NOTES, [originHash]);
    return row;
  };

  return {
    async checkpoint() {
      const notes = await readNotes();
      if (notes === undefined || notes.published_note === null) return undefined;
      const isHeld = notes.cosignature !== null && notes.published_size === notes.mirrored_size;
      return isHeld ? addSignatures(notes.published_note, [notes.cosignature]) : notes.published_note;
    },
    async signed() {
      const notes = await readNotes();
      if (notes === undefined || notes.mirrored_note === null) return undefined;
      return notes.cosignature === null
        ? notes.mirrored_note
        : addSignatures(notes.mirrored_note, [notes.cosignature]);
    },
    async pending() {
      const notes = await readNotes();
      return notes?.pending_note ?? notes?.mirrored_note ?? undefined;
    },
    // Level 0 is a function of the bundles, which are held anyway.
    async tile(tile) {
      if (tile.level > 0) return readUpper(tile);
      const entries = await readEntries(tile);
      return entries === undefined ? undefined : Buffer.concat(entries.map(hashLeaf));
    },
    async bundle(bundle) {
      if (bundle.width === TILE_WIDTH) return readFull(entriesPath(bundle));
      const entries = await readEntries(bundle);
      return entries === undefined ? undefined : encodeBundle(entries);
    },
  };
}

/** Reads the tiles of a replica as those of a log that lies elsewhere are read. */
export function readMirrorTiles(stores: ReplicaStores, origin: string): Pick<LogReader, 'readTile'> {
  const files = openMirrorFiles(stores, hashOrigin(origin));
  return {
    async readTile(tile) {
      const bytes = await files.tile(tile);
      if (bytes !== undefined) return bytes;
      throw new FederationError('SOURCE_REFUTED', `A tile of the replica of ${origin} is not here.`);
    },
  };
}

/** Up to `limit` entries from `start` on and below `size`, which the replica holds. */
export async function readMirrorEntries(
  stores: ReplicaStores,
  origin: string,
  { start, limit, size }: { start: bigint; limit: number; size: bigint },
): Promise<SourcedEntry[]> {
  const files = openMirrorFiles(stores, hashOrigin(origin));
  const end = start + BigInt(limit) < size ? start + BigInt(limit) : size;
  const found: SourcedEntry[] = [];
  for (let index = start / WIDTH; index * WIDTH < end; index += 1n) {
    const width = Number(end - index * WIDTH < WIDTH ? end - index * WIDTH : WIDTH);
    const bytes = await files.bundle({ index, width });
    if (bytes === undefined) break;
    parseBundle(bytes, width).forEach((entry, at) => {
      const place = index * WIDTH + BigInt(at);
      if (place >= start) found.push({ index: place, entry });
    });
  }
  return found;
}
