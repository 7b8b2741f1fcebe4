import { type BlobStore } from '@dockchains/blobs';
import { type LedgerPlace, readFileEntries } from '@dockchains/ledger';
import { type Digest, parseRepositoryName, type RepositoryName } from '@dockchains/oci';
import { type LedgerRecord, parseRecord } from '@dockchains/records';

import { FederationError } from '../errors.ts';
import { fetchManifest } from '../mirroring/fetch-manifest.ts';
import type { Holders } from '../mirroring/holders.ts';

/** A manifest that the public ledger says is there, and nobody has the bytes of. */
type MissingManifest = { readonly repository: RepositoryName; readonly digest: Digest };

/** What became of the manifests that a public ledger tells of. */
export type ManifestsRecovered = {
  readonly fetched: number;
  /** The index of the first record that tells of one that was fetched. */
  readonly firstIndex: bigint | undefined;
  readonly missing: readonly MissingManifest[];
};

type Deps = {
  readonly files: LedgerPlace;
  readonly blobs: Pick<BlobStore, 'stat' | 'put'>;
  readonly holders: Holders;
  readonly organisation: string;
};

type Wanted = MissingManifest & { readonly index: bigint };

// What is looked for is held in memory, and so is what nobody has.
const LOOKED_FOR = 10_000;
const PARALLEL = 16;

/**
 * Fetches the manifests that a public ledger's files tell of, and that are not in the blob store, from peers that mirror them: before the records are
 * replayed, since a record alone can't bring a manifest back. Those that were deleted later are not missed.
 */
export async function recoverManifests(deps: Deps): Promise<ManifestsRecovered> {
  const wanted = new Map<string, Wanted>();
  const missing = new Map<string, Wanted>();
  let fetched = 0;
  let firstIndex: bigint | undefined;

  const fetchWanted = async (): Promise<void> => {
    const waiting = [...wanted.values()].values();
    wanted.clear();
    const work = async (): Promise<void> => {
      for (const one of waiting) {
        if (await fetchOne(deps, one)) {
          fetched += 1;
          if (firstIndex === undefined || one.index < firstIndex) firstIndex = one.index;
        } else {
          missing.set(keyOf(one.repository, one.digest), one);
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
  };

  for await (const part of readFileEntries(deps.files)) {
    for (const { index, entry } of part) {
      const record = parseRecord(entry);
      const told = await findTold(deps, record);
      if (told !== undefined) {
        const key = keyOf(told.repository, told.digest);
        if (!missing.has(key) && !wanted.has(key)) wanted.set(key, { ...told, index });
      }
      forget(record, wanted);
      forget(record, missing);
    }
    if (wanted.size >= LOOKED_FOR) await fetchWanted();
  }
  await fetchWanted();
  return {
    ...{ fetched, firstIndex },
    missing: [...missing.values()].map(({ repository, digest }) => ({ repository, digest })),
  };
}

/** The manifest that a record says is there, if its bytes are not. */
async function findTold({ blobs }: Deps, record: LedgerRecord): Promise<MissingManifest | undefined> {
  if (record.kind !== 'manifest-published' && record.kind !== 'tag-set') return undefined;
  if ((await blobs.stat(record.digest)) !== undefined) return undefined;
  return { repository: parseRepositoryName(record.repository), digest: record.digest };
}

function forget(record: LedgerRecord, map: Map<string, Wanted>): void {
  if (record.kind === 'manifest-deleted') map.delete(keyOf(record.repository, record.digest));
  if (record.kind !== 'repository-withdrawn') return;
  for (const [key, { repository }] of map) if (repository === record.repository) map.delete(key);
}

async function fetchOne({ blobs, holders, organisation }: Deps, wanted: Wanted): Promise<boolean> {
  try {
    const found = await fetchManifest(holders, { organisation, ...wanted });
    if (found === undefined) return false;
    await blobs.put(found.bytes, found.digest);
    return true;
  } catch (error) {
    if (error instanceof FederationError && error.code === 'PEER_UNREACHABLE') return false;
    throw error;
  }
}

const keyOf = (repository: string, digest: string): string => `${repository}@${digest}`;
