import type { Database, Statement } from '@dockchains/database';
import type { EntrySource, LedgerLog } from '@dockchains/ledger';
import { type Digest, isRepositoryName, parseRepositoryName, type RepositoryName } from '@dockchains/oci';
import { isManifestRecord, type LedgerRecord, parseRecord, RecordError } from '@dockchains/records';
import type { FetchedManifest, Mirrors } from '@dockchains/registry';

import { FederationError } from '../errors.ts';
import type { FetchBlob } from './fetch-blob.ts';
import { fetchManifest } from './fetch-manifest.ts';
import type { Holders } from './holders.ts';

/** What following a ledger takes. */
export interface FollowDeps {
  readonly database: Database;
  readonly mirrors: Mirrors;
  readonly holders: Holders;
  readonly fetchBlob: FetchBlob;
  readonly log: LedgerLog;
}

const PAGE_ENTRIES = 256;
const PARALLEL_FETCHES = 8;
const MAX_CONFIG_BYTES = 1024 * 1024;

const BEGIN: Statement = {
  name: 'federation_mirror_begin',
  text: 'INSERT INTO mirror_position (origin, next) VALUES ($1, 0) ON CONFLICT (origin) DO NOTHING',
};
const READ: Statement = {
  name: 'federation_mirror_position',
  text: 'SELECT next FROM mirror_position WHERE origin = $1',
};
const MOVE: Statement = {
  name: 'federation_mirror_move',
  text: 'UPDATE mirror_position SET next = $3 WHERE origin = $1 AND next = $2 RETURNING next',
};

/** Finds up to which index a ledger's records are applied to its mirror; 0 before the first. */
export async function readPosition(database: Database, origin: string): Promise<bigint> {
  const [row] = await database.query<{ next: bigint }>(READ, [origin]);
  if (row !== undefined) return row.next;
  await database.query(BEGIN, [origin]);
  return 0n;
}

/**
 * Applies the next page of a ledger's published entries to the mirror of its organisation's repositories: the manifests that it names are fetched
 * first, then rows and position move in one transaction. Gives the new position; the same if there is nothing to apply.
 * @throws FederationError PEER_UNREACHABLE; nothing of the page is applied then
 */
export async function followPage(deps: FollowDeps, source: EntrySource, next: bigint): Promise<bigint> {
  const { database, mirrors } = deps;
  const entries = await source.read(next, PAGE_ENTRIES);
  const last = entries.at(-1);
  if (last === undefined) return next;
  const told = entries.flatMap(({ entry }) => readRecord(deps, source, entry));
  const kept = await fetchAll(deps, source.organisation, told);
  const end = last.index + 1n;
  await database.transaction(async (transaction) => {
    const moved = await transaction.query(MOVE, [source.origin, next, end]);
    if (moved.length === 0) throw new Error(`Another gateway follows ${source.origin} meanwhile.`);
    const writer = mirrors.begin(transaction);
    for (const { record, repository, name } of told) {
      if (isManifestRecord(record)) {
        await writer.apply(record, { repository: name, kept: kept.get(repository) ?? NONE });
      } else if (record.kind === 'repository-withdrawn') await writer.withdraw(name);
    }
  });
  return end;
}

const NONE: ReadonlyMap<Digest, FetchedManifest> = new Map();

/** A record of a repository: its name at the origin, and here. */
interface Told {
  readonly record: LedgerRecord;
  readonly repository: RepositoryName;
  readonly name: RepositoryName;
}

/** What this version can't read, or what says that it is another's, changes nothing here; the entry stays in the replica. */
function readRecord({ log }: FollowDeps, source: EntrySource, entry: Uint8Array): Told[] {
  try {
    const record = parseRecord(entry);
    if (record.organisation !== source.organisation || !('repository' in record)) return [];
    const name = `${source.organisation}/${record.repository}`;
    if (!isRepositoryName(record.repository) || !isRepositoryName(name)) return [];
    return [{ record, repository: record.repository, name }];
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    log.warn({ origin: source.origin, reason: error.code }, 'a record of a peer can’t be read');
    return [];
  }
}

/** Fetches and keeps the manifests that the records tell of and that are not here, by repository. */
async function fetchAll(
  deps: FollowDeps,
  organisation: string,
  told: readonly Told[],
): Promise<ReadonlyMap<RepositoryName, ReadonlyMap<Digest, FetchedManifest>>> {
  const wanted = new Map<RepositoryName, Set<Digest>>();
  for (const { record, repository } of told) {
    if (record.kind !== 'manifest-published' && record.kind !== 'tag-set') continue;
    const digests = wanted.get(repository) ?? new Set();
    wanted.set(repository, digests.add(record.digest));
  }
  const kept = new Map<RepositoryName, ReadonlyMap<Digest, FetchedManifest>>();
  for (const [repository, digests] of wanted) {
    const name = parseRepositoryName(`${organisation}/${repository}`);
    const missing = await deps.mirrors.listMissing(name, [...digests]);
    const fetched = new Map<Digest, FetchedManifest>();
    await inParallel(missing, async (digest) => {
      const manifest = await fetchManifest(deps.holders, { organisation, repository, digest });
      if (manifest !== undefined) fetched.set(digest, manifest);
    });
    await deps.mirrors.keepManifests(name, [...fetched.values()]);
    await fetchConfigs(deps, name, [...fetched.values()]);
    kept.set(repository, fetched);
  }
  return kept;
}

/** Images' configs come with their manifests, so that what they are can be told while their origin is away; what fails is fetched when it is asked for. */
async function fetchConfigs(
  { mirrors, fetchBlob, log }: FollowDeps,
  repository: RepositoryName,
  manifests: readonly FetchedManifest[],
): Promise<void> {
  const sizes = new Map<Digest, number>();
  for (const { manifest } of manifests) {
    const { config } = manifest;
    if (config !== undefined && config.size <= MAX_CONFIG_BYTES) sizes.set(config.digest, config.size);
  }
  if (sizes.size === 0) return;
  await inParallel(await mirrors.listMissingBlobs(repository, [...sizes.keys()]), async (digest) => {
    try {
      const fetch = await fetchBlob({ repository, digest }, sizes.get(digest) ?? 0);
      await fetch?.done;
    } catch (error) {
      if (!(error instanceof FederationError)) throw error;
      log.info({ reason: error.message }, 'the config of a mirrored image could not be fetched yet');
    }
  });
}

/** Does the work for each item, some at a time; the first failure ends it. */
async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: PARALLEL_FETCHES }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
