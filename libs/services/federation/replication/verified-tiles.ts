import type { LogReader } from '@dockchains/client';
import {
  type Checkpoint,
  HASH_BYTES,
  rootFromTiles,
  type TileReader,
  TILE_WIDTH,
  TlogError,
  tilePath,
  tileRoot,
  tileWidth,
} from '@dockchains/tlog';
import { LRUCache } from 'lru-cache';

import { FederationError } from '../errors.ts';
import { isEqual } from './heads.ts';

const MAX_LEVEL = 7; // 256^8 leaves are more than an index can count
const WIDTH = BigInt(TILE_WIDTH);
const MAX_TILES = 256;

/**
 * Gives a reader of a log's tiles that believes none before it leads to the signed root: the partial ones at the right edge
 * together, each full one by its hash in the tile above. Memory is bounded, 2 MiB.
 * @throws FederationError SOURCE_REFUTED, there and from the reader; ClientError if the log can't be read
 */
export async function openVerifiedTiles(
  reader: Pick<LogReader, 'readTile'>,
  { origin, size, root }: Checkpoint,
): Promise<TileReader> {
  const refuted = (what: string): FederationError =>
    new FederationError('SOURCE_REFUTED', `What is served as ${what} of ${origin} is not what was signed.`);
  const edge = await readEdge(reader, size);
  const cutEdge: TileReader = ({ level, width }) => {
    const bytes = edge.get(level);
    if (bytes === undefined) return Promise.reject(refuted(`the edge at level ${level}`));
    return Promise.resolve(bytes.subarray(0, width * HASH_BYTES));
  };
  if (!isEqual(await rootOfEdge(size, cutEdge), root)) throw refuted(`the edge at ${size} entries`);

  const full = new LRUCache<string, Promise<Uint8Array>>({ max: MAX_TILES });
  const readFull = async (level: number, index: bigint): Promise<Uint8Array> => {
    const above = index / WIDTH;
    const id = { level: level + 1, index: above, width: tileWidth(level + 1, above, size) };
    const [bytes, parent] = await Promise.all([
      reader.readTile({ level, index, width: TILE_WIDTH }),
      readTile(id),
    ]);
    const offset = Number(index % WIDTH) * HASH_BYTES;
    if (
      bytes.length === TILE_WIDTH * HASH_BYTES &&
      isEqual(tileRoot(bytes), parent.subarray(offset, offset + HASH_BYTES))
    ) {
      return bytes;
    }
    throw refuted(tilePath({ level, index, width: TILE_WIDTH }));
  };
  const readTile: TileReader = async (tile) => {
    const { level, index, width } = tile;
    if (tileWidth(level, index, size) < TILE_WIDTH) return cutEdge(tile);
    const path = tilePath({ level, index, width: TILE_WIDTH });
    const reading = full.get(path) ?? readFull(level, index);
    full.set(path, reading);
    // One that failed is asked for again.
    reading.catch(() => full.delete(path));
    return (await reading).subarray(0, width * HASH_BYTES);
  };
  return readTile;
}

async function readEdge(reader: Pick<LogReader, 'readTile'>, size: bigint): Promise<Map<number, Uint8Array>> {
  const levels = Array.from({ length: MAX_LEVEL + 1 }, (_, level) => level);
  const tiles = await Promise.all(
    levels.map(async (level): Promise<[number, Uint8Array][]> => {
      const index = size >> BigInt(8 * (level + 1));
      const width = tileWidth(level, index, size);
      return width === 0 ? [] : [[level, await reader.readTile({ level, index, width })]];
    }),
  );
  return new Map(tiles.flat());
}

/** A tile of another length is a wrong answer, not an error of ours. */
async function rootOfEdge(size: bigint, tiles: TileReader): Promise<Uint8Array> {
  try {
    return await rootFromTiles(size, tiles);
  } catch (error) {
    if (error instanceof TlogError && error.code === 'BAD_TILE') return new Uint8Array();
    throw error;
  }
}
