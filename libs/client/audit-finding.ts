import { ClientError } from './errors.ts';

/** What is wrong with a log. */
export type AuditFinding = {
  readonly code:
    | 'BAD_CHECKPOINT' // the policy does not accept it
    | 'ROLLED_BACK' // smaller than one that was audited before
    | 'FORKED' // does not extend the one that was audited before
    | 'MISSING' // a tile or bundle that the checkpoint covers
    | 'BAD_BUNDLE'
    | 'BAD_TILE'
    | 'BAD_RECORD' // an entry that hashes right but is no record of this organisation
    | 'BAD_ROOT'; // all files agree with one another, and not with what was signed
  /** Path, below the log's URL, of the first bad file. */
  readonly path: string;
  /** Offset in it of the first byte that differs; of a bundle, of the entry that does. */
  readonly byteOffset?: number;
  readonly message: string;
};

/** Whether a check found something wrong. */
export function isFinding(value: object): value is AuditFinding {
  return 'code' in value && 'path' in value && 'message' in value;
}

/** Reads a file that the checkpoint says must be there. @throws ClientError if it can't be known whether it is */
export async function readOrFind(
  path: string,
  read: Promise<Uint8Array>,
): Promise<Uint8Array | AuditFinding> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== 'NOT_FOUND') throw error;
    return { code: 'MISSING', path, message: `${path} is missing, although the checkpoint covers it.` };
  }
}

/** Compares a stored tile with what it must be. */
export function compareTile(path: string, stored: Uint8Array, derived: Uint8Array): AuditFinding | undefined {
  const byteOffset = firstDifference(stored, derived);
  if (byteOffset === undefined) return undefined;
  return {
    code: 'BAD_TILE',
    path,
    byteOffset,
    message: `${path} differs at byte ${byteOffset} from what the entries below it hash to.`,
  };
}

/** Where two byte strings begin to differ; where one is the other's beginning, at its end. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  if (Buffer.compare(a, b) === 0) return undefined;
  const shorter = Math.min(a.length, b.length);
  for (let offset = 0; offset < shorter; offset += 1) {
    if (a[offset] !== b[offset]) return offset;
  }
  return shorter;
}
