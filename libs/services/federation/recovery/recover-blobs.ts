import { randomBytes } from 'node:crypto';

import type { BlobStore } from '@dockchains/blobs';
import type { Database } from '@dockchains/database';
import type { Digest, RepositoryName } from '@dockchains/oci';
import { linkNeededBlob, listNeededBlobs, type NeededBlob, type Registry } from '@dockchains/registry';

import { FederationError } from '../errors.ts';
import { BlobFetch } from '../mirroring/blob-fetch.ts';
import type { Holders } from '../mirroring/holders.ts';

/** What became of the blobs that the images of our own repositories need. */
export type BlobsRecovered = {
  readonly fetched: number;
  /** Of public repositories: nobody who was asked has them. */
  readonly missing: readonly { readonly repository: RepositoryName; readonly digest: Digest }[];
  /** How many there are of private repositories: nobody else ever had them. */
  readonly missingPrivate: number;
};

type Deps = {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly registry: Pick<Registry, 'mirrors'>;
  readonly holders: Holders;
  readonly organisation: string;
  readonly onProgress: (fetched: number) => void;
};

const PARALLEL = 4;

/** Fetches the blobs that public repositories need and the store does not have, from peers that mirrored them; each is verified before it is kept. */
export async function recoverBlobs(deps: Deps): Promise<BlobsRecovered> {
  const missing = new Map<string, NeededBlob>();
  const missingPrivate = new Set<string>();
  let fetched = 0;
  for await (const page of listNeededBlobs(deps.database)) {
    const waiting = page.values();
    const work = async (): Promise<void> => {
      for (const blob of waiting) {
        const key = `${blob.repository}@${blob.digest}`;
        if (missing.has(key) || (await isHere(deps, blob))) continue;
        if (blob.visibility === 'private') missingPrivate.add(key);
        else if (await fetchOne(deps, blob)) deps.onProgress((fetched += 1));
        else missing.set(key, blob);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
  }
  return {
    fetched,
    missing: [...missing.values()].map(({ repository, digest }) => ({ repository, digest })),
    missingPrivate: missingPrivate.size,
  };
}

async function isHere({ database, blobs }: Deps, blob: NeededBlob): Promise<boolean> {
  const found = await blobs.stat(blob.digest);
  if (found === undefined) return false;
  if (!blob.isLinked) await linkNeededBlob(database, blob, found.size);
  return true;
}

async function fetchOne(
  { blobs, registry, holders, organisation }: Deps,
  { repository, digest }: NeededBlob,
): Promise<boolean> {
  const needed = await registry.mirrors.findNeeded(repository, digest);
  if (needed === undefined) return false;
  const fetch = new BlobFetch(
    { digest, size: needed.size },
    {
      ...{ blobs, via: organisation, uploadId: randomBytes(16).toString('hex') },
      holders: await holders.list(organisation, repository),
      avoid: holders.avoid.bind(holders),
      commit: (id) => registry.mirrors.commitBlob(repository, id, digest),
    },
  );
  try {
    await fetch.done;
    return true;
  } catch (error) {
    if (error instanceof FederationError) return false;
    throw error;
  }
}
