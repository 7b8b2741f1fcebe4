import {
  type Accepted,
  checkPolicy,
  parseCheckpoint,
  parseNote,
  type Policy,
  TlogError,
} from '@dockchains/tlog';

import { ClientError } from './errors.ts';

/**
 * Checks that a note is a checkpoint that the policy accepts, of whichever of its logs.
 * @throws ClientError VERIFICATION_FAILED
 */
export function verifyCheckpoint(note: string | Uint8Array, policy: Policy): Accepted {
  try {
    const parsed = parseNote(note);
    return checkPolicy(parsed, policy, parseCheckpoint(parsed.text).origin);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new ClientError(
      'VERIFICATION_FAILED',
      `The checkpoint does not hold: ${cause.message} (${cause.code})`,
      {
        cause,
      },
    );
  }
}
