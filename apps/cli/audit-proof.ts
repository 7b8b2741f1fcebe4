import { resolve } from 'node:path';

import { printable } from '@dockchains/client';
import {
  type Checkpoint,
  consistencyPath,
  isUnexplained,
  MAX_EQUIVOCATION_BYTES,
  parseEquivocation,
  parseNote,
  parseUnexplained,
  TlogError,
  type VerifierKey,
  verifyEquivocation,
  verifyUnexplained,
} from '@dockchains/tlog';

import { CliError } from './errors.ts';
import { findFile } from './files.ts';
import type { Io } from './io.ts';
import type { Outcome } from './output.ts';
import { readTrust } from './trust.ts';

/** What `dockchains audit --proof` was given; a log beside the file makes no sense. */
export type ProofRequest = {
  readonly path: string;
  readonly policy: string | undefined;
  readonly log: string | undefined;
};

/**
 * Verifies, with the file and the policy alone, that a ledger signed two histories: exit code 0 if that is proven, 1 if not.
 * @throws CliError USAGE, NO_POLICY
 */
export async function auditProof(io: Io, { path, policy, log }: ProofRequest): Promise<Outcome> {
  if (log !== undefined) throw new CliError('USAGE', 'Name a log, or a file with --proof, not both.');
  const bytes = await findFile(resolve(io.cwd, path), MAX_EQUIVOCATION_BYTES);
  if (bytes === undefined) throw new CliError('USAGE', `There is no file ${path} to take the proof from.`);
  const trust = await readTrust(io, policy);
  const keysOf = (note: string): readonly VerifierKey[] => {
    const [origin = ''] = parseNote(note).text.split('\n');
    const keys = trust.policy.logs.map(({ key }) => key).filter(({ name }) => name === origin);
    if (keys.length > 0) return keys;
    throw new TlogError('UNKNOWN_SIGNER', `${trust.path} has no key of the ledger ${origin}.`);
  };
  try {
    if (isUnexplained(bytes)) return describeUnexplained(path, bytes, keysOf);
    const proof = parseEquivocation(bytes);
    const { older, newer } = verifyEquivocation(proof, keysOf(proof.older));
    const { origin } = older;
    return {
      text: `Proven: ${origin} signed two histories, one with ${older.size} entries and one with ${newer.size}, that cannot be of one ledger.
The keys are those that ${trust.path} names. Nothing that this ledger says is to be believed; keep the file.`,
      json: { proven: true, origin, older: describe(older), newer: describe(newer) },
    };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return notProven(path, `${error.message} (${error.code})`);
  }
}

/** Says what such a file shows: that the log signed both heads. That they are of two histories it does not. */
function describeUnexplained(
  path: string,
  bytes: Uint8Array,
  keysOf: (note: string) => readonly VerifierKey[],
): Outcome {
  const file = parseUnexplained(bytes);
  const { older, newer } = verifyUnexplained(file, keysOf(file.older));
  const { origin } = older;
  const { since, shownBy, answer } = file;
  const question = consistencyPath(older, newer);
  return {
    text: `NOT PROVEN: ${origin} signed both a head with ${older.size} entries and one with ${newer.size}. That the second is another history than the first is not shown.
Whoever made the file says, and nobody signed it: the ledger has been asked since ${since} whether one extends the other, and ${printable(answer)}; one of them was shown by ${printable(shownBy)}.
An honest ledger can answer at any time, at <its log>/${question}; keep the file until it has.
in ${path}`,
    json: {
      ...{ proven: false, origin, older: describe(older), newer: describe(newer) },
      unexplained: { since, shownBy, answer, question },
    },
    exitCode: 1,
  };
}

const describe = ({ size, root }: Checkpoint) => ({
  size: size.toString(),
  root: Buffer.from(root).toString('base64'),
});

function notProven(path: string, message: string): Outcome {
  return {
    text: `NOT PROVEN: ${message}\nin ${path}`,
    json: { proven: false, error: { message } },
    exitCode: 1,
  };
}
