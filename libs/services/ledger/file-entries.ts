import type { TileStore } from '@dockchains/blobs';
import { entriesPath, type Origin, parseBundle, TILE_WIDTH, type VerifierKey } from '@dockchains/tlog';

import { keyOf } from './context.ts';
import type { SourcedEntry } from './entry-source.ts';
import { listStaged, parseStagedBatch } from './staging.ts';

const WIDTH = BigInt(TILE_WIDTH);

/** Where the files of one ledger lie. */
export type LedgerPlace = Pick<LedgerFiles, 'tiles' | 'origin' | 'name'>;

/** The files of one ledger, without its database: whoever writes them holds the ledger's lock. */
export interface LedgerFiles {
  readonly tiles: TileStore;
  readonly origin: Origin;
  /** The last component of the first origin, which names the files. */
  readonly name: string;
  readonly verifierKey: VerifierKey;
}

/**
 * The entries that the files alone give, in order, in parts of at most some thousands: those of final bundles, then those of staged batches as far as they
 * go without a gap. Nothing is verified: opening the ledger does.
 * @throws LedgerError CONTRADICTION if a staged batch is not whole
 */
export async function* readFileEntries({
  tiles,
  name,
  origin,
}: LedgerPlace): AsyncGenerator<readonly SourcedEntry[]> {
  let size = 0n;
  for (;;) {
    const bytes = await tiles.get(keyOf(name, entriesPath({ index: size / WIDTH, width: TILE_WIDTH })));
    if (bytes === undefined) break;
    const first = size;
    yield parseBundle(bytes, TILE_WIDTH).map((entry, at) => ({ index: first + BigInt(at), entry }));
    size += WIDTH;
  }
  for (const { key } of await listStaged(tiles, name)) {
    const bytes = await tiles.get(key);
    if (bytes === undefined) continue;
    const { start, end, entries } = parseStagedBatch(bytes, origin);
    if (start > size || end <= size) continue;
    const skipped = Number(size - start);
    const first = size;
    yield entries
      .slice(skipped)
      .map((entry, at) => ({ index: first + BigInt(at), entry: Buffer.from(entry) }));
    size = end;
  }
}

/** How far the files alone reach. @throws as readFileEntries */
export async function reachOfFiles(files: LedgerFiles): Promise<bigint> {
  let reach = 0n;
  for await (const part of readFileEntries(files)) reach += BigInt(part.length);
  return reach;
}
