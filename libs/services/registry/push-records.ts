import type { Digest, Manifest, RepositoryName, Tag } from '@dockchains/oci';
import type { LedgerRecord, RecordId } from '@dockchains/records';

/** What all records of one push have in common. */
export interface PushFacts {
  readonly organisation: string;
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** Bytes of the manifest itself. */
  readonly size: number;
  readonly principalId: string | undefined;
  readonly time: Date;
}

const SOURCE = 'org.opencontainers.image.source';
const MAX_SOURCE_CHARACTERS = 2048;

/** The records of a manifest that is new in its repository: that it was published and, if it has a subject, attached. */
export function describePublication(
  facts: PushFacts,
  recordId: RecordId,
  newAttachmentId: () => RecordId,
): LedgerRecord[] {
  const { mediaType, artifactType, annotations, subject } = facts.manifest;
  const source = annotations?.[SOURCE];
  const type = artifactType === undefined ? {} : { artifactType };
  const common = commonOf(facts);
  const published: LedgerRecord = {
    ...{ kind: 'manifest-published', ...common, ...type, recordId, mediaType, size: facts.size },
    ...(source !== undefined && source.length <= MAX_SOURCE_CHARACTERS && { source }),
  };
  if (subject === undefined) return [published];
  const referrerOf = subject.digest;
  return [
    published,
    { kind: 'referrer-attached', ...common, ...type, recordId: newAttachmentId(), referrerOf },
  ];
}

/** The record of a tag that moved, from `previous` if it was there before. */
export function describeMove(
  facts: PushFacts,
  { name, recordId, previous }: { name: Tag; recordId: RecordId; previous: Digest | undefined },
): LedgerRecord {
  const { mediaType } = facts.manifest;
  return {
    ...{ kind: 'tag-set', ...commonOf(facts), recordId, mediaType, size: facts.size, tag: name },
    ...(previous !== undefined && { previous }),
  };
}

function commonOf({ organisation, repository, digest, principalId, time }: PushFacts) {
  return {
    organisation,
    repository,
    digest,
    ...(principalId !== undefined && { principal: principalId }),
    time: time.toISOString(),
  };
}
