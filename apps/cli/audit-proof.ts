import { resolve } from 'node:path';

import {
  MAX_EQUIVOCATION_BYTES,
  parseEquivocation,
  parseNote,
  TlogError,
  verifyEquivocation,
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
  try {
    const proof = parseEquivocation(bytes);
    const [origin = ''] = parseNote(proof.older).text.split('\n');
    const keys = trust.policy.logs.map(({ key }) => key).filter(({ name }) => name === origin);
    if (keys.length === 0) return notProven(path, `${trust.path} has no key of the ledger ${origin}.`);
    const { older, newer } = verifyEquivocation(proof, keys);
    const describe = ({ size, root }: typeof older) => ({
      size: size.toString(),
      root: Buffer.from(root).toString('base64'),
    });
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

function notProven(path: string, message: string): Outcome {
  return {
    text: `NOT PROVEN: ${message}\nin ${path}`,
    json: { proven: false, error: { message } },
    exitCode: 1,
  };
}
