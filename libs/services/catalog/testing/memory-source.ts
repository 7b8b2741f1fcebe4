import { createHash } from 'node:crypto';

import { type Digest, parseDigest } from '@dockchains/oci';
import { parseOrigin } from '@dockchains/tlog';
import { encodeRecord, type LedgerRecord, parseRecordId } from '@dockchains/records';

import type { EntrySource, SourcedEntry } from '@dockchains/ledger';

/** A ledger in memory, to which a test appends. */
export interface MemorySource extends EntrySource {
  /** Publishes records; gives the size then. */
  append(...records: readonly LedgerRecord[]): bigint;
  /** Publishes bytes that need be no records. */
  appendBytes(...entries: readonly Uint8Array[]): bigint;
  /** The starts of the reads so far. */
  readonly reads: bigint[];
}

/** Makes an empty ledger. */
export function openMemorySource(origin = 'globex.example/ledger/public'): MemorySource {
  const entries: Uint8Array[] = [];
  const reads: bigint[] = [];
  const listeners = new Set<() => void>();
  const appendBytes = (...added: readonly Uint8Array[]): bigint => {
    for (const entry of added) entries.push(entry);
    for (const listener of listeners) listener();
    return BigInt(entries.length);
  };
  return {
    ...{
      origin: parseOrigin(origin),
      organisation: origin.slice(0, origin.indexOf('/')),
      reads,
      appendBytes,
    },
    append: (...records) => appendBytes(...records.map(encodeRecord)),
    publishedSize: () => Promise.resolve(BigInt(entries.length)),
    read(start, limit) {
      reads.push(start);
      const part = entries.slice(Number(start), Number(start) + limit);
      return Promise.resolve(
        part.map((entry, offset): SourcedEntry => ({ index: start + BigInt(offset), entry })),
      );
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The digest of a text. */
export function digestOfText(text: string): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(text).digest('hex')}`);
}

let counter = 0;

function facts(repository: string, organisation: string) {
  counter += 1;
  const recordId = parseRecordId(counter.toString(16).padStart(32, '0'));
  return { organisation, repository, recordId, time: '2026-01-02T03:04:05.678Z' };
}

type Where = { readonly repository?: string; readonly organisation?: string };

const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** A record that a manifest, named by a text, was published. */
export function published(
  manifest: string,
  {
    repository = 'public/app',
    organisation = 'globex.example',
    ...more
  }: Where & { readonly source?: string } = {},
): LedgerRecord {
  const digest = digestOfText(manifest);
  return {
    kind: 'manifest-published',
    ...facts(repository, organisation),
    digest,
    mediaType: MEDIA_TYPE,
    size: 500,
    ...more,
  };
}

/** A record that a tag was set to a manifest. */
export function tagged(
  tag: string,
  manifest: string,
  { repository = 'public/app', organisation = 'globex.example' }: Where = {},
): LedgerRecord {
  const digest = digestOfText(manifest);
  return {
    kind: 'tag-set',
    ...facts(repository, organisation),
    digest,
    mediaType: MEDIA_TYPE,
    size: 500,
    tag,
  };
}

/** A record that a tag, which named a manifest, was deleted. */
export function untagged(
  tag: string,
  manifest: string,
  { repository = 'public/app', organisation = 'globex.example' }: Where = {},
): LedgerRecord {
  return { kind: 'tag-deleted', ...facts(repository, organisation), digest: digestOfText(manifest), tag };
}

/** A record that a manifest was deleted. */
export function deleted(
  manifest: string,
  { repository = 'public/app', organisation = 'globex.example' }: Where = {},
): LedgerRecord {
  return { kind: 'manifest-deleted', ...facts(repository, organisation), digest: digestOfText(manifest) };
}

/** A record that a manifest was attached to another. */
export function attached(
  manifest: string,
  subject: string,
  { repository = 'public/app', organisation = 'globex.example' }: Where = {},
): LedgerRecord {
  const referrerOf = digestOfText(subject);
  return {
    kind: 'referrer-attached',
    ...facts(repository, organisation),
    digest: digestOfText(manifest),
    referrerOf,
  };
}

/** A record that a repository is public no more. */
export function withdrawn({
  repository = 'public/app',
  organisation = 'globex.example',
}: Where = {}): LedgerRecord {
  return { kind: 'repository-withdrawn', ...facts(repository, organisation) };
}
