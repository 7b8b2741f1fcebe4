import { type Checkpoint, type Origin, parseCheckpoint, requireOrigin } from './checkpoint.ts';
import { TlogError } from './errors.ts';
import type { VerifierKey } from './keys.ts';
import type { Note } from './note.ts';
import { verifyNote, type VerifiedSignature } from './verify-note.ts';

/** A log that a policy trusts; its key's name is its origin. */
export type PolicyLog = { key: VerifierKey; url?: string };

/** A witness under the name that the policy's groups know it by. */
export type PolicyWitness = { name: string; key: VerifierKey; url?: string };

/** A group that has witnessed a checkpoint when `threshold` of its members, witnesses or groups before it, have. */
export type PolicyGroup = { name: string; threshold: number; members: readonly string[] };

/** Whom to believe: the logs, the witnesses, and the name of the witness or group that must have cosigned, or `none` (tlog-policy). */
export type Policy = {
  logs: readonly PolicyLog[];
  witnesses: readonly PolicyWitness[];
  groups: readonly PolicyGroup[];
  quorum: string;
};

/** A witness's valid cosignature: the witness's name in the policy and the latest time, POSIX seconds, that it signed for. */
export type Witnessed = { name: string; timestamp: bigint };

/** A checkpoint that a policy accepts; `witnesses` are in the policy's order. */
export type Accepted = { logKey: VerifierKey; checkpoint: Checkpoint; witnesses: Witnessed[] };

/** The quorum that asks for no cosignature. */
export const NO_QUORUM = 'none';

/**
 * Checks that a note is a checkpoint of the log `origin` which the policy accepts: signed by the log, cosigned by its quorum (tlog-policy).
 * @throws TlogError UNKNOWN_SIGNER if no log key of the policy with that name signed it; QUORUM_NOT_MET; BAD_SIGNATURE or BAD_TIMESTAMP if a log's or
 * witness's signature is wrong, even where others suffice; BAD_ORIGIN if it is another log's; BAD_CHECKPOINT, BAD_SIZE, BAD_ROOT
 */
export function checkPolicy(note: Note, policy: Policy, origin: Origin): Accepted {
  const logKeys = policy.logs.map(({ key }) => key).filter(({ name }) => name === origin);
  const verified = verifyNote(note, [...logKeys, ...policy.witnesses.map(({ key }) => key)]);
  const logKey = logKeys.find((key) => verified.some((signature) => signature.key === key));
  if (logKey === undefined) {
    throw new TlogError(
      'UNKNOWN_SIGNER',
      `No key that the policy trusts for the log "${origin}" signed the checkpoint.`,
    );
  }
  const checkpoint = parseCheckpoint(note.text);
  requireOrigin(checkpoint.origin, origin);

  const witnesses = policy.witnesses.flatMap(({ name, key }) => {
    const timestamp = latestTimestamp(verified, key);
    return timestamp === undefined ? [] : [{ name, timestamp }];
  });
  requireQuorum(policy, witnesses);
  return { logKey, checkpoint, witnesses };
}

function latestTimestamp(verified: readonly VerifiedSignature[], key: VerifierKey): bigint | undefined {
  const timestamps = verified.flatMap((signature) =>
    signature.key === key && signature.timestamp !== undefined ? [signature.timestamp] : [],
  );
  return timestamps.reduce<bigint | undefined>(
    (latest, timestamp) => (latest === undefined || timestamp > latest ? timestamp : latest),
    undefined,
  );
}

function requireQuorum({ groups, quorum }: Policy, witnesses: readonly Witnessed[]): void {
  const witnessed = new Set(witnesses.map(({ name }) => name));
  for (const { name, threshold, members } of groups) {
    if (members.filter((member) => witnessed.has(member)).length >= threshold) witnessed.add(name);
  }
  if (quorum === NO_QUORUM || witnessed.has(quorum)) return;
  throw new TlogError(
    'QUORUM_NOT_MET',
    `The checkpoint has ${witnesses.length} cosignatures that count, which do not meet the quorum "${quorum}".`,
  );
}
