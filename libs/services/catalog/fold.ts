import { isRepositoryName, isTag } from '@dockchains/oci';
import {
  isManifestRecord,
  type LedgerRecord,
  type ManifestRecord,
  parseRecord,
  RecordError,
} from '@dockchains/records';

import type { EntrySource, SourcedEntry } from '@dockchains/ledger';

/** A manifest as records tell of it. */
export interface ArtifactChange {
  readonly name: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly size: number;
  readonly subject: string | undefined;
  readonly source: string | undefined;
  readonly index: bigint;
  readonly recordId: string;
  readonly at: Date;
}

/** What a tag was set to. */
interface TagChange {
  readonly name: string;
  readonly tag: string;
  readonly digest: string;
  readonly index: bigint;
  readonly recordId: string;
  readonly at: Date;
}

/** The first and the last that was heard of a repository. */
interface RepositoryChange {
  readonly name: string;
  readonly source: string | undefined;
  readonly first: Date;
  readonly last: Date;
  readonly index: bigint;
}

/**
 * What a run of entries changes in all. Applied in this order: `withdrawn` repositories go whole, then `deletedManifests` with the tags that name
 * them, and `deletedTags`; `subjects` are set in what is left, and then everything else, `mentioned` only where the manifest is not known.
 */
export interface Changes {
  readonly withdrawn: ReadonlySet<string>;
  readonly repositories: ReadonlyMap<string, RepositoryChange>;
  readonly deletedManifests: readonly { readonly name: string; readonly digest: string }[];
  readonly deletedTags: readonly { readonly name: string; readonly tag: string }[];
  readonly artifacts: readonly ArtifactChange[];
  readonly mentioned: readonly ArtifactChange[];
  readonly subjects: readonly { readonly name: string; readonly digest: string; readonly subject: string }[];
  readonly tags: readonly TagChange[];
}

type Pending = {
  readonly withdrawn: Set<string>;
  readonly repositories: Map<string, RepositoryChange>;
  /** By name, then by digest; undefined: deleted. */
  readonly artifacts: Map<string, Map<string, ArtifactChange | undefined>>;
  readonly mentioned: Map<string, Map<string, ArtifactChange>>;
  readonly subjects: Map<string, Map<string, string>>;
  /** Deleted at some point of the run, whatever came later. */
  readonly deletedManifests: Map<string, Set<string>>;
  readonly tags: Map<string, Map<string, TagChange | undefined>>;
};

type At = { readonly index: bigint; readonly at: Date };

/**
 * Sums up what a run of entries changes in the catalog. An entry that this version can't read, or that speaks of another organisation than its
 * ledger's, changes nothing: the author of a peer's ledger controls every byte of it.
 */
export function foldEntries(
  { organisation }: Pick<EntrySource, 'organisation'>,
  entries: readonly SourcedEntry[],
): Changes {
  const pending: Pending = {
    ...{ withdrawn: new Set(), repositories: new Map(), artifacts: new Map(), mentioned: new Map() },
    ...{ subjects: new Map(), deletedManifests: new Map(), tags: new Map() },
  };
  for (const { index, entry } of entries) {
    const record = findRecord(entry);
    if (record?.organisation !== organisation) continue;
    if (record.kind === 'repository-withdrawn') withdraw(pending, record.repository);
    else if (isManifestRecord(record) && isReadable(record))
      fold(pending, record, { index, at: timeOf(record) });
  }
  return settle(pending);
}

function findRecord(entry: Uint8Array): LedgerRecord | undefined {
  if (entry.length === 0) return undefined;
  try {
    return parseRecord(entry);
  } catch (error) {
    if (error instanceof RecordError) return undefined;
    throw error;
  }
}

function isReadable(record: ManifestRecord): boolean {
  return isRepositoryName(record.repository) && (!('tag' in record) || isTag(record.tag));
}

// PostgreSQL knows no year 0, and nothing here is older than its time.
function timeOf({ time }: ManifestRecord): Date {
  return new Date(Math.max(0, Date.parse(time)));
}

function withdraw(pending: Pending, name: string): void {
  pending.withdrawn.add(name);
  const { repositories, artifacts, mentioned, subjects, deletedManifests, tags } = pending;
  for (const map of [repositories, artifacts, mentioned, subjects, deletedManifests, tags]) map.delete(name);
}

function fold(pending: Pending, record: ManifestRecord, { index, at }: At): void {
  const { repository: name, digest, recordId } = record;
  const source = record.kind === 'manifest-published' ? clean(record.source) : undefined;
  touch(pending, { name, source, first: at, last: at, index });
  switch (record.kind) {
    case 'manifest-published': {
      const { mediaType, size, artifactType } = record;
      const artifacts = inner(pending.artifacts, name);
      const subject = (artifacts.get(digest) ?? pending.mentioned.get(name)?.get(digest))?.subject;
      artifacts.set(digest, {
        ...{ name, digest, size, source, index, recordId, at, subject },
        ...{ mediaType: clean(mediaType), artifactType: clean(artifactType) },
      });
      return;
    }
    case 'referrer-attached': {
      const { referrerOf: subject } = record;
      const artifact = pending.artifacts.get(name)?.get(digest);
      if (artifact !== undefined) {
        inner(pending.artifacts, name).set(digest, { ...artifact, subject });
        return;
      }
      inner(pending.subjects, name).set(digest, subject);
      const mention = pending.mentioned.get(name)?.get(digest);
      if (mention !== undefined) inner(pending.mentioned, name).set(digest, { ...mention, subject });
      return;
    }
    case 'tag-set': {
      const { tag, mediaType, size } = record;
      inner(pending.tags, name).set(tag, { name, tag, digest, index, recordId, at });
      const mentioned = inner(pending.mentioned, name);
      if (mentioned.has(digest) || pending.artifacts.get(name)?.get(digest) !== undefined) return;
      mentioned.set(digest, {
        ...{ name, digest, size, index, recordId, at, mediaType: clean(mediaType) },
        ...{ artifactType: undefined, subject: undefined, source: undefined },
      });
      return;
    }
    case 'tag-deleted':
      inner(pending.tags, name).set(record.tag, undefined);
      return;
    case 'manifest-deleted': {
      inner(pending.artifacts, name).set(digest, undefined);
      pending.mentioned.get(name)?.delete(digest);
      pending.subjects.get(name)?.delete(digest);
      const deleted = pending.deletedManifests.get(name) ?? new Set();
      pending.deletedManifests.set(name, deleted.add(digest));
      const tags = inner(pending.tags, name);
      for (const [tag, set] of tags) if (set?.digest === digest) tags.set(tag, undefined);
      return;
    }
  }
}

function touch({ repositories }: Pending, change: RepositoryChange): void {
  const before = repositories.get(change.name);
  repositories.set(change.name, {
    ...change,
    first: before?.first ?? change.first,
    source: change.source ?? before?.source,
  });
}

function inner<Value>(outer: Map<string, Map<string, Value>>, name: string): Map<string, Value> {
  const found = outer.get(name) ?? new Map<string, Value>();
  outer.set(name, found);
  return found;
}

// A NUL is text to JSON and none to PostgreSQL.
function clean(text: string): string;
function clean(text: string | undefined): string | undefined;
function clean(text: string | undefined): string | undefined {
  return text?.replaceAll('\0', '');
}

function settle({ withdrawn, repositories, ...pending }: Pending): Changes {
  return {
    withdrawn,
    repositories,
    deletedManifests: pairsOf(pending.deletedManifests, (name, digest) => ({ name, digest })),
    deletedTags: entriesOf(pending.tags).flatMap(([name, tag, set]) =>
      set === undefined ? [{ name, tag }] : [],
    ),
    artifacts: valuesOf(pending.artifacts),
    mentioned: valuesOf(pending.mentioned),
    subjects: entriesOf(pending.subjects).map(([name, digest, subject]) => ({ name, digest, subject })),
    tags: valuesOf(pending.tags),
  };
}

function entriesOf<Value>(outer: ReadonlyMap<string, ReadonlyMap<string, Value>>): [string, string, Value][] {
  return [...outer].flatMap(([name, map]) =>
    [...map].map(([key, value]): [string, string, Value] => [name, key, value]),
  );
}

function valuesOf<Value>(outer: ReadonlyMap<string, ReadonlyMap<string, Value | undefined>>): Value[] {
  return entriesOf(outer).flatMap(([, , value]) => (value === undefined ? [] : [value]));
}

function pairsOf<Pair>(
  outer: ReadonlyMap<string, ReadonlySet<string>>,
  make: (name: string, value: string) => Pair,
): Pair[] {
  return [...outer].flatMap(([name, values]) => [...values].map((value) => make(name, value)));
}
