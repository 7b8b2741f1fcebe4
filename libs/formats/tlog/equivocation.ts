import { type Checkpoint, requireOrigin } from './checkpoint.ts';
import { decodeBase64, encodeBase64, equalBytes } from './encoding.ts';
import { TlogError } from './errors.ts';
import { HASH_BYTES } from './hash.ts';
import type { VerifierKey } from './keys.ts';
import { joinTwoNotes, openSigned, splitTwoNotes } from './two-notes.ts';
import { MAX_PROOF_HASHES, verifyConsistency } from './verify-proof.ts';

/**
 * Two notes of one log that cannot both be of one history. Where their sizes differ, `prefix` tells which root, 32 bytes, the
 * tree of `newer` has at the size of `older`, and `proof` shows that it does (RFC 6962 §2.1.2).
 */
export type Equivocation = {
  readonly older: string;
  readonly newer: string;
  readonly prefix?: { readonly root: Uint8Array; readonly proof: readonly Uint8Array[] };
};

/** Length limit of the file in bytes. */
export const MAX_EQUIVOCATION_BYTES = 128 * 1024;

const FIRST_LINE = 'dockchains.org/equivocation@v1';

/**
 * Encodes the proof as text: a first line that names the form, then in base64, a line each, the prefix's root and its
 * proof if there is one; a blank line; the older note; a blank line; the newer note.
 * @throws TlogError BAD_EQUIVOCATION, BAD_NOTE for notes that are none
 */
export function encodeEquivocation({ older, newer, prefix }: Equivocation): string {
  const hashes = prefix === undefined ? [] : [prefix.root, ...prefix.proof];
  const text = joinTwoNotes({ header: [FIRST_LINE, ...hashes.map(encodeBase64)], older, newer });
  parseEquivocation(text);
  return text;
}

/**
 * Reads a proof; nothing is verified.
 * @throws TlogError BAD_EQUIVOCATION, BAD_NOTE
 */
export function parseEquivocation(source: string | Uint8Array): Equivocation {
  const notes = splitTwoNotes(source, MAX_EQUIVOCATION_BYTES);
  if (notes === undefined) {
    throw refused(`A first line "${FIRST_LINE}", and two notes behind blank lines, are expected.`);
  }
  const { header, older, newer } = notes;
  const [first, root, ...proof] = header;
  if (first !== FIRST_LINE || proof.length > MAX_PROOF_HASHES) {
    throw refused(`It must begin with "${FIRST_LINE}" and at most ${MAX_PROOF_HASHES + 1} hashes.`);
  }
  return {
    ...{ older, newer },
    ...(root !== undefined && { prefix: { root: parseHash(root), proof: proof.map(parseHash) } }),
  };
}

/**
 * Verifies, with nothing but the log's keys, that the log signed two histories, and gives the two heads. Each note must be
 * signed by one of the keys, which may be those that the log had one after the other.
 * @throws TlogError BAD_EQUIVOCATION if the two agree, or if the proof does not show that they do not; as openCheckpoint
 */
export function verifyEquivocation(
  { older, newer, prefix }: Equivocation,
  logKeys: readonly VerifierKey[],
): { older: Checkpoint; newer: Checkpoint } {
  const before = openSigned(older, logKeys);
  const after = openSigned(newer, logKeys);
  requireOrigin(after.origin, before.origin);
  if (before.size > after.size) throw refused('The older note has more entries than the newer one.');
  if (before.size === after.size) {
    if (equalBytes(before.root, after.root)) throw refused('Both notes have the same root.');
    return { older: before, newer: after };
  }
  if (prefix === undefined) {
    throw refused('The sizes differ, and nothing shows which root the newer tree had at the older size.');
  }
  verifyConsistency({
    ...{ oldSize: before.size, newSize: after.size, proof: prefix.proof },
    ...{ oldRoot: prefix.root, newRoot: after.root },
  });
  if (equalBytes(prefix.root, before.root)) throw refused('The newer tree extends the older one.');
  return { older: before, newer: after };
}

function parseHash(line: string): Uint8Array {
  const hash = decodeBase64(line);
  if (hash?.length === HASH_BYTES) return hash;
  throw refused(`Each hash is ${HASH_BYTES} bytes in padded base64.`);
}

function refused(reason: string): TlogError {
  return new TlogError('BAD_EQUIVOCATION', `This proves no equivocation. ${reason}`);
}
