import type { Queryable } from '@dockchains/database';
import {
  addSignatures,
  type Checkpoint,
  type Cosigner,
  cosign,
  EMPTY_ROOT,
  encodeNote,
  type Equivocation,
  findPrefixRoot,
  type Note,
  parseAddCheckpoint,
  parseCheckpoint,
  parseNote,
  SIZE_CONTENT_TYPE,
  TlogError,
  verifyConsistency,
  type VerifierKey,
  verifyNote,
} from '@dockchains/tlog';

import type { LogKey } from '../replication/peer-log.ts';
import type { Hold } from './hold.ts';
import {
  findWitnessedHead,
  findWitnessedHeadByHash,
  swapWitnessedHead,
  type WitnessedHead,
} from './witnessed-heads.ts';

/** An answer of the witness, whatever carries it. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503;
  readonly contentType: string;
  readonly body: string;
}

/** A log that the witness cosigns for. */
export interface KnownLog {
  /** Of which one must have signed. */
  readonly keys: readonly VerifierKey[];
  /** These and those that it signed with before: evidence against it may need them. */
  readonly logKeys?: readonly LogKey[];
  /** The published checkpoint of the log, wherever it is kept; undefined where nobody says where. */
  readonly checkpointUrl?: string;
}

/** What the witness needs. */
export interface WitnessDeps {
  readonly database: Queryable;
  /** Named `<organisation>/witness`. */
  readonly cosigner: Cosigner;
  readonly clock: () => Date;
  /** The log of this origin, if the witness knows it now. */
  findLog(origin: string): Promise<KnownLog | undefined>;
  /** A signature by none of the log's keys was met: they may have changed. True if it is worth another look. */
  refreshLog(origin: string): Promise<boolean>;
  /** Fetches a log's published note. @throws if it can't be reached */
  fetchCheckpoint(url: string): Promise<string>;
  /** Whether the log was found to contradict itself, and is cosigned for no more. */
  isFrozen(origin: string): Promise<boolean>;
  /** Why nothing more of the log is cosigned for now, if that is so. */
  readonly findHold: Hold;
  /** Keeps what proves that the log signed two histories. */
  reportConflict(origin: string, equivocation: Equivocation): Promise<void>;
  /** Hears of a head that the log signed and that was refused, to be compared with what else is held of it. */
  suspect(origin: string, note: string): Promise<void>;
}

/** This organisation's C2SP witness (tlog-witness). */
export interface Witness {
  /** Answers add-checkpoint: the checkpoint is persisted before its cosignature is given. */
  addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>;
  /** The note cosigned last of the log whose origin's SHA-256 in hexadecimal, this is. */
  findCheckpoint(originHash: string): Promise<string | undefined>;
}

/** A submission whose signature holds. */
type Submission = {
  readonly note: Note;
  readonly checkpoint: Checkpoint;
  readonly oldSize: bigint;
  readonly proof: readonly Uint8Array[];
  /** The note with the signatures of the log's keys alone. */
  readonly signed: string;
};

const MAX_EXTENSIONS = 16;
const TEXT = 'text/plain; charset=utf-8';

/** Opens the witness. */
export function createWitness(deps: WitnessDeps): Witness {
  const checked = new Map<string, WitnessedHead | undefined>();
  return {
    async addCheckpoint(body) {
      const request = readRequest(body);
      if ('status' in request) return request;
      const log = await deps.findLog(request.checkpoint.origin);
      if (log === undefined) return refuse(404, 'This witness does not know the log.');
      const submission = await openSubmission(deps, request, log);
      if ('status' in submission) return submission;
      if (await deps.isFrozen(submission.checkpoint.origin)) {
        return refuse(403, 'The log contradicted itself: this witness cosigns for it no more.');
      }
      try {
        await recall(deps, checked, { origin: submission.checkpoint.origin, log });
      } catch {
        return refuse(
          503,
          'The log’s published checkpoint can’t be reached, by which this witness begins: try again.',
        );
      }
      return cosignSubmission(deps, checked, submission);
    },
    findCheckpoint: async (originHash) => (await findWitnessedHeadByHash(deps.database, originHash))?.note,
  };
}

/** What is malformed is answered 400, whoever it claims to be from. */
function readRequest(
  body: Uint8Array,
): WitnessAnswer | { note: Note; checkpoint: Checkpoint; oldSize: bigint; proof: readonly Uint8Array[] } {
  try {
    const { oldSize, proof, note: source } = parseAddCheckpoint(body);
    const note = parseNote(source);
    return {
      note,
      checkpoint: parseCheckpoint(note.text, { maxExtensions: MAX_EXTENSIONS }),
      oldSize,
      proof,
    };
  } catch (error) {
    if (error instanceof TlogError) return refuse(400, error.message);
    throw error;
  }
}

async function openSubmission(
  deps: WitnessDeps,
  request: Omit<Submission, 'signed'>,
  log: KnownLog,
): Promise<Submission | WitnessAnswer> {
  const { origin } = request.checkpoint;
  try {
    return { ...request, signed: keepSigned(request.note, log.keys) };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    if (error.code !== 'UNKNOWN_SIGNER' || !(await deps.refreshLog(origin)))
      return refuse(403, error.message);
  }
  const renewed = await deps.findLog(origin);
  try {
    return { ...request, signed: keepSigned(request.note, renewed?.keys ?? []) };
  } catch (error) {
    if (error instanceof TlogError) return refuse(403, error.message);
    throw error;
  }
}

/** @throws TlogError if a signature by one of the keys is wrong, or none is there */
function keepSigned(note: Note, keys: readonly VerifierKey[]): string {
  verifyNote(note, keys);
  const own = note.signatures.filter((one) =>
    keys.some(({ name, keyId }) => name === one.name && keyId === one.keyId),
  );
  return encodeNote(note.text, [...new Set(own.map(({ line }) => line))]);
}

/**
 * Before the first cosignature of this process for a log, its published note is asked whether we have cosigned more than our database
 * knows: it was put back then, and goes on from what we said. Later on the process remembers itself.
 */
async function recall(
  deps: WitnessDeps,
  checked: Map<string, WitnessedHead | undefined>,
  { origin, log }: { origin: string; log: KnownLog },
): Promise<void> {
  const { database, cosigner, clock } = deps;
  const isFirst = !checked.has(origin);
  const remembered =
    isFirst && log.checkpointUrl !== undefined
      ? readOwn(await deps.fetchCheckpoint(log.checkpointUrl), { origin, keys: keysEver(log), cosigner })
      : checked.get(origin);
  const kept = await findWitnessedHead(database, origin);
  if (remembered !== undefined && remembered.size > (kept?.size ?? -1n)) {
    await swapWitnessedHead(database, origin, { previous: kept, next: remembered, at: clock() });
  }
  // Another request may have cosigned while this one asked: what it left is newer.
  if (isFirst && !checked.has(origin)) checked.set(origin, remembered);
}

/** What we cosigned stays ours to keep to, whatever became of the key that the log signed it with. */
const keysEver = ({ keys, logKeys = [] }: KnownLog): readonly VerifierKey[] => [
  ...keys,
  ...logKeys.map(({ key }) => key).filter((key) => !keys.some((one) => isSameKey(one, key))),
];

const isSameKey = (one: VerifierKey, other: VerifierKey): boolean =>
  one.name === other.name && one.keyId === other.keyId;

/** The head in a note that the log and we ourselves signed; undefined for any other. */
function readOwn(
  source: string,
  { origin, keys, cosigner }: { origin: string; keys: readonly VerifierKey[]; cosigner: Cosigner },
): WitnessedHead | undefined {
  try {
    const note = parseNote(source);
    verifyNote(note, keys);
    verifyNote(note, [cosigner.verifierKey]);
    const checkpoint = parseCheckpoint(note.text, { maxExtensions: MAX_EXTENSIONS });
    if (checkpoint.origin !== origin) return undefined;
    const signed = keepSigned(note, [...keys, cosigner.verifierKey]);
    return { size: checkpoint.size, root: Buffer.from(checkpoint.root), note: signed };
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

/** The order of the checks is tlog-witness'. */
async function cosignSubmission(
  deps: WitnessDeps,
  checked: Map<string, WitnessedHead | undefined>,
  submission: Submission,
): Promise<WitnessAnswer> {
  const { database, cosigner, clock } = deps;
  const { checkpoint, oldSize, signed } = submission;
  const { origin, size } = checkpoint;
  if (oldSize > size) return refuse(400, 'The old size is larger than the checkpoint.');
  const previous = await findWitnessedHead(database, origin);
  const contradiction = findContradiction(submission, previous);
  if (contradiction !== undefined) await deps.reportConflict(origin, contradiction);
  const isBehind = oldSize !== (previous?.size ?? 0n);
  const fault = isBehind ? undefined : findFault(submission, previous);
  if (isBehind || fault !== undefined) await deps.suspect(origin, signed);
  if (isBehind) return conflict(previous);
  if (fault !== undefined) return refuse(422, fault);
  const hold = await deps.findHold(origin, checkpoint);
  if (hold !== undefined) return refuse(503, hold);

  const at = clock();
  const line = cosign(signed, cosigner, BigInt(Math.max(1, Math.floor(at.getTime() / 1000))));
  const next = { size, root: Buffer.from(checkpoint.root), note: addSignatures(signed, [line]) };
  // The cosignature is in this process's memory alone until this has committed.
  if (!(await swapWitnessedHead(database, origin, { previous, next, at }))) {
    return conflict(await findWitnessedHead(database, origin));
  }
  const remembered = checked.get(origin);
  if (remembered === undefined || remembered.size <= size) checked.set(origin, next);
  return { status: 200, contentType: TEXT, body: line };
}

/** Why the checkpoint does not extend the head that was cosigned last; undefined if it does. */
function findFault(
  { checkpoint, oldSize, proof }: Submission,
  previous: WitnessedHead | undefined,
): string | undefined {
  const { size, root } = checkpoint;
  if (size === 0n && !Buffer.from(root).equals(EMPTY_ROOT)) return 'The root of no entries is another.';
  if (previous === undefined || oldSize === 0n) {
    return proof.length > 0 ? 'Nothing is proved from a tree of no entries.' : undefined;
  }
  try {
    verifyConsistency({ oldSize, newSize: size, oldRoot: previous.root, newRoot: root, proof });
    return undefined;
  } catch (error) {
    if (error instanceof TlogError) return error.message;
    throw error;
  }
}

/**
 * Two roots of one size, both signed by the log, need no proof. Of two sizes the log's own consistency proof convicts it, where that
 * leads to the signed root and from another one than was cosigned here.
 */
function findContradiction(
  { checkpoint, oldSize, proof, signed }: Submission,
  previous: WitnessedHead | undefined,
): Equivocation | undefined {
  if (previous === undefined) return undefined;
  const notes = { older: previous.note, newer: signed };
  const { size, root: newRoot } = checkpoint;
  if (previous.size === size) return previous.root.equals(newRoot) ? undefined : notes;
  if (oldSize !== previous.size) return undefined;
  const root = findPrefixRoot({ oldSize, newSize: size, newRoot, proof });
  return root === undefined || previous.root.equals(root) ? undefined : { ...notes, prefix: { root, proof } };
}

const conflict = (previous: WitnessedHead | undefined): WitnessAnswer => ({
  status: 409,
  contentType: SIZE_CONTENT_TYPE,
  body: `${previous?.size ?? 0n}\n`,
});

const refuse = (status: WitnessAnswer['status'], reason: string): WitnessAnswer => ({
  status,
  contentType: TEXT,
  body: `${reason}\n`,
});
