import { inOrder, type LogReader } from '@dockchains/client';
import {
  type Checkpoint,
  entriesPath,
  HASH_BYTES,
  hashLeaf,
  parseBundle,
  type TileReader,
  TILE_WIDTH,
  TlogError,
  tileRoot,
  tileWidth,
} from '@dockchains/tlog';

import { FederationError } from '../errors.ts';
import { isEqual } from './heads.ts';

const WIDTH = BigInt(TILE_WIDTH);
const IN_FLIGHT = 8;

/**
 * Reads the entries from `start` up to the head, a bundle at a time, each verified under the head before it is given:
 * `tiles` are its verified ones. At most 8 bundles are under way.
 * @throws FederationError SOURCE_REFUTED; ClientError if the log can't be read
 */
export async function* readVerifiedEntries(
  reader: Pick<LogReader, 'readBundle'>,
  { start, head, tiles }: { start: bigint; head: Checkpoint; tiles: TileReader },
): AsyncGenerator<readonly Uint8Array[]> {
  const bundles = inOrder(indices(start / WIDTH, head.size), {
    width: IN_FLIGHT,
    start: async (index) => {
      const width = tileWidth(0, index, head.size);
      return { index, width, bytes: await reader.readBundle({ index, width }) };
    },
  });
  for await (const { index, width, bytes } of bundles) {
    const entries = parseEntries(bytes, width);
    if (entries === undefined || !(await leads({ entries, index, width }, tiles, head.size))) {
      const path = entriesPath({ index, width });
      throw new FederationError(
        'SOURCE_REFUTED',
        `What is served as ${path} of ${head.origin} is not what was signed.`,
      );
    }
    const skipped = start > index * WIDTH ? Number(start - index * WIDTH) : 0;
    yield entries.slice(skipped);
  }
}

function* indices(first: bigint, size: bigint): Generator<bigint> {
  for (let index = first; index * WIDTH < size; index += 1n) yield index;
}

function parseEntries(bytes: Uint8Array, width: number): Uint8Array[] | undefined {
  try {
    return parseBundle(bytes, width);
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

/** A full bundle by the hash of its tile in level 1, so that level 0 need not be fetched; a partial one by the edge itself. */
async function leads(
  { entries, index, width }: { entries: readonly Uint8Array[]; index: bigint; width: number },
  tiles: TileReader,
  size: bigint,
): Promise<boolean> {
  const leaves = Buffer.concat(entries.map(hashLeaf));
  if (width < TILE_WIDTH) return isEqual(leaves, await tiles({ level: 0, index, width }));
  const above = { level: 1, index: index / WIDTH };
  const parent = await tiles({ ...above, width: tileWidth(1, above.index, size) });
  const offset = Number(index % WIDTH) * HASH_BYTES;
  return isEqual(tileRoot(leaves), parent.subarray(offset, offset + HASH_BYTES));
}
