import type { Database, Statement } from '@dockchains/database';
import type { EntrySource, LedgerLog, SourcedEntry } from '@dockchains/ledger';
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
// Of manifests that are held until their rows are written: each may have 4 MiB.
const MAX_PAGE_BYTES = 32 * 1024 * 1024;
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
 * first, then rows and position move in one transaction. Gives the new position; the same if there is nothing to apply. A page ends early where
 * its manifests would take more than 32 MiB.
 * @throws FederationError PEER_UNREACHABLE; nothing of the page is applied then
 */
export async function followPage(deps: FollowDeps, source: EntrySource, next: bigint): Promise<bigint> {
  const { database, mirrors } = deps;
  const entries = await source.read(next, PAGE_ENTRIES);
  const last = entries.at(-1);
  if (last === undefined) return next;
  const all = entries.flatMap((entry) => readRecord(deps, source, entry));
  const { kept, left } = await fetchAll(deps, source.organisation, all);
  const first = all.findIndex((one) => left.has(neededBy(one) ?? ''));
  const told = first < 0 ? all : all.slice(0, first);
  const end = all[first]?.index ?? last.index + 1n;
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
  readonly index: bigint;
}

/** The manifest that a record needs to be here, by its repository; undefined for one that needs none. */
function neededBy({ record, repository }: Told): string | undefined {
  const isNeeded = record.kind === 'manifest-published' || record.kind === 'tag-set';
  return isNeeded ? `${repository}@${record.digest}` : undefined;
}

/** What this version can't read, or what says that it is another's, changes nothing here; the entry stays in the replica. */
function readRecord({ log }: FollowDeps, source: EntrySource, { index, entry }: SourcedEntry): Told[] {
  try {
    const record = parseRecord(entry);
    if (record.organisation !== source.organisation || !('repository' in record)) return [];
    const name = `${source.organisation}/${record.repository}`;
    if (!isRepositoryName(record.repository) || !isRepositoryName(name)) return [];
    return [{ record, repository: record.repository, name, index }];
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    log.warn({ origin: source.origin, reason: error.code }, 'a record of a peer can’t be read');
    return [];
  }
}

/** Those that were fetched, by repository, and the keys of those that are left to the next page. */
interface Fetched {
  readonly kept: ReadonlyMap<RepositoryName, ReadonlyMap<Digest, FetchedManifest>>;
  readonly left: ReadonlySet<string>;
}

/** Fetches and keeps the manifests that the records tell of and that are not here, in their order; at least the first. */
async function fetchAll(deps: FollowDeps, organisation: string, told: readonly Told[]): Promise<Fetched> {
  const wanted = Map.groupBy(told.filter(neededBy), ({ repository }) => repository);
  const missing = new Map<string, { readonly repository: RepositoryName; readonly digest: Digest }>();
  for (const [repository, records] of wanted) {
    const digests = new Set(records.flatMap(({ record }) => ('digest' in record ? [record.digest] : [])));
    const name = parseRepositoryName(`${organisation}/${repository}`);
    for (const digest of await deps.mirrors.listMissing(name, [...digests])) {
      missing.set(`${repository}@${digest}`, { repository, digest });
    }
  }
  const fetched = new Map<RepositoryName, Map<Digest, FetchedManifest>>();
  const left = new Set<string>();
  let bytes = 0;
  const keys = new Set(told.flatMap((one) => neededBy(one) ?? []));
  await inParallel([...keys], async (key) => {
    const one = missing.get(key);
    if (one === undefined) return;
    if (bytes >= MAX_PAGE_BYTES) {
      left.add(key);
      return;
    }
    const { repository, digest } = one;
    const manifest = await fetchManifest(deps.holders, { organisation, repository, digest });
    if (manifest === undefined) return;
    bytes += manifest.bytes.length;
    fetched.set(
      repository,
      (fetched.get(repository) ?? new Map<Digest, FetchedManifest>()).set(digest, manifest),
    );
  });
  for (const [repository, manifests] of fetched) {
    const name = parseRepositoryName(`${organisation}/${repository}`);
    await deps.mirrors.keepManifests(name, [...manifests.values()]);
    await fetchConfigs(deps, name, [...manifests.values()]);
  }
  return { kept: fetched, left };
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
