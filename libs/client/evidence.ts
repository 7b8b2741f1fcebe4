import type { Digest, RepositoryName, Tag } from '@dockchains/oci';
import {
  describeRecord,
  DISCLOSURE_VERDICT,
  isDisclosure,
  isManifestRecord,
  type LedgerRecord,
  type ManifestRecord,
  parseRecord,
  RecordError,
  verifyDisclosure,
} from '@dockchains/records';
import {
  type Checkpoint,
  encodeVerifierKey,
  hashLeaf,
  parseProofFile,
  type Policy,
  TlogError,
  verifyProofFile,
  type Witnessed,
} from '@dockchains/tlog';

import { ClientError } from './errors.ts';

/** The image that evidence is to be about: a tag, a digest, or both. */
export type EvidenceSubject = {
  /** DNS name. */
  readonly organisation: string;
  readonly repository: RepositoryName;
  readonly tag: Tag | undefined;
  readonly digest: Digest | undefined;
};

/** What a bundle proves. */
export type VerifiedEvidence = {
  readonly record: ManifestRecord;
  readonly index: bigint;
  readonly checkpoint: Checkpoint;
  /** Verifier key of the log that signed. */
  readonly logKey: string;
  /** Who cosigned, of those whom the policy knows. */
  readonly witnesses: readonly Witnessed[];
  /** One sentence that says exactly this much. */
  readonly statement: string;
  /** How the record was shown, where its entry in the ledger is sealed; undefined where everybody can read it there. */
  readonly disclosure: string | undefined;
};

/** Longest bundle in bytes that is read: the largest entry or disclosure in base64, 63 hashes and the signatures of many witnesses. */
export const MAX_EVIDENCE_BYTES = 256 * 1024;

/**
 * Verifies a C2SP tlog-proof whose extra line carries the entry, or the disclosure of a sealed one, with nothing but the policy:
 * form, record, commitment, log signature, quorum, inclusion, and that it is about the subject.
 * @throws ClientError VERIFICATION_FAILED; the message says which of these failed
 */
export function verifyEvidence(
  bundle: string | Uint8Array,
  { policy, subject }: { policy: Policy; subject: EvidenceSubject },
): VerifiedEvidence {
  if (bundle.length > MAX_EVIDENCE_BYTES)
    throw failed(`The bundle is longer than ${MAX_EVIDENCE_BYTES} bytes.`);
  const file = attempt('The bundle is malformed', () => parseProofFile(bundle));
  const { record, entry, disclosure } = readExtra(file.extra);
  const accepted = attempt('The proof does not hold', () => verifyProofFile(file, policy, hashLeaf(entry)));

  const { checkpoint, logKey, witnesses } = accepted;
  if (!checkpoint.origin.startsWith(`${record.organisation}/ledger/`)) {
    throw failed(
      `The record is of ${record.organisation}, but stands in the ledger ${checkpoint.origin}, which can't speak for it.`,
    );
  }
  const statement = describeRecord(record, file.index);
  if (!isAbout(record, subject)) {
    throw failed(`The bundle is about something else than what was asked. It proves that ${statement}.`);
  }
  const { index } = file;
  return { record, index, checkpoint, logKey: encodeVerifierKey(logKey), witnesses, statement, disclosure };
}

/** The record that the extra line shows, and the entry whose leaf proves it. */
function readExtra(extra: Uint8Array | undefined): {
  record: LedgerRecord;
  entry: Uint8Array;
  disclosure: string | undefined;
} {
  if (extra === undefined) throw failed('The bundle carries no entry: its "extra" line is missing.');
  if (isDisclosure(extra)) {
    const disclosed = attempt('The disclosure in the bundle does not hold', () => verifyDisclosure(extra));
    return { ...disclosed, disclosure: DISCLOSURE_VERDICT };
  }
  const record = attempt('The entry in the bundle is no record', () => parseRecord(extra));
  return { record, entry: extra, disclosure: undefined };
}

/** Only a record that a tag was set speaks for a tag; a digest is also vouched for by any tag that was set to it. */
function isAbout(
  record: LedgerRecord,
  { organisation, repository, tag, digest }: EvidenceSubject,
): record is ManifestRecord {
  if (!isManifestRecord(record)) return false;
  if (record.organisation !== organisation || record.repository !== repository) return false;
  if (digest !== undefined && record.digest !== digest) return false;
  if (tag !== undefined) return record.kind === 'tag-set' && record.tag === tag;
  return digest !== undefined && (record.kind === 'manifest-published' || record.kind === 'tag-set');
}

function attempt<Result>(what: string, verify: () => Result): Result {
  try {
    return verify();
  } catch (cause) {
    if (!(cause instanceof TlogError || cause instanceof RecordError)) throw cause;
    throw failed(`${what}: ${cause.message} (${cause.code})`, cause);
  }
}

function failed(message: string, cause?: unknown): ClientError {
  return new ClientError('VERIFICATION_FAILED', message, { cause });
}
