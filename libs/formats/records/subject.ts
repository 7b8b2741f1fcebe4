import { createHash } from 'node:crypto';

import { digestAlgorithm, digestHex, parseDigest } from '@dockchains/oci';

import { RecordError } from './errors.ts';
import {
  isManifestRecord,
  isScopeRecord,
  type LedgerRecord,
  type NamedRecord,
  type RecordKind,
} from './record.ts';

/** The one subject of a record's statement, a ResourceDescriptor with one digest (in-toto Statement v1). */
export type Subject = { readonly name: string; readonly digest: Readonly<Record<string, string>> };

/** What a record's statement is about. */
export function subjectOf(record: LedgerRecord): Subject {
  const { organisation } = record;
  if (isManifestRecord(record)) {
    const { repository, digest } = record;
    return {
      name: `${organisation}/${repository}`,
      digest: { [digestAlgorithm(digest)]: digestHex(digest) },
    };
  }
  if (isScopeRecord(record)) {
    return { name: `${organisation}/scope/${record.scopeId}`, digest: { sha256: record.label } };
  }
  const name = `${organisation}/${namedSubject(record)}`;
  return { name, digest: { sha256: createHash('sha256').update(name).digest('hex') } };
}

function namedSubject(record: NamedRecord): string {
  switch (record.kind) {
    case 'repository-withdrawn':
      return record.repository;
    case 'collection-run':
      return 'collection';
    case 'key-added':
    case 'key-revoked':
      return `key/${record.role}`;
    case 'ledger-closed':
      return record.origin.slice(record.organisation.length + 1);
  }
}

/**
 * What a subject says of a record that the predicate does not. Whether the rest of it is right shows when the record is encoded again.
 * @throws RecordError BAD_RECORD; OciError DIGEST_INVALID
 */
export function readSubject(kind: RecordKind, { name, digest }: Subject): Readonly<Record<string, unknown>> {
  const organisation = name.slice(0, name.indexOf('/'));
  if (organisation === '') {
    throw new RecordError('BAD_RECORD', 'The subject does not begin with an organisation.');
  }
  const [algorithm, value] = Object.entries(digest)[0] ?? ['', ''];
  const checked = parseDigest(`${algorithm}:${value}`);
  switch (kind) {
    case 'manifest-published':
    case 'tag-set':
    case 'tag-deleted':
    case 'manifest-deleted':
    case 'referrer-attached':
      return { organisation, digest: checked };
    case 'scope-opened':
    case 'scope-closed':
      return { organisation, label: digestHex(checked) };
    case 'repository-withdrawn':
    case 'collection-run':
    case 'key-added':
    case 'key-revoked':
    case 'ledger-closed':
      return { organisation };
  }
}
