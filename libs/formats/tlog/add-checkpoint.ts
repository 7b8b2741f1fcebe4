import { decodeBase64, decodeText, encodeBase64, parseDecimal } from './encoding.ts';
import { TlogError } from './errors.ts';
import { HASH_BYTES, requireHash } from './hash.ts';
import { parseSignatureLines } from './note.ts';
import { MAX_PROOF_HASHES } from './verify-proof.ts';

/** What a log asks a witness: to cosign `note`, the signed checkpoint, which `proof` shows to extend the tree of `oldSize` entries. */
export type AddCheckpoint = { oldSize: bigint; proof: readonly Uint8Array[]; note: string };

/** Longest body of add-checkpoint, in bytes, that is read. */
export const MAX_ADD_CHECKPOINT_BYTES = 64 * 1024;

/** Type of the body by which a witness says what size it cosigned last (tlog-witness, add-checkpoint). */
export const SIZE_CONTENT_TYPE = 'text/x.tlog.size';

/** Encodes the body of add-checkpoint (tlog-witness). @throws TlogError BAD_HASH, BAD_PROOF, BAD_SIZE */
export function encodeAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  proof.forEach(requireHash);
  const lines = proof.map((hash) => `${encodeBase64(hash)}\n`).join('');
  const body = `old ${oldSize.toString()}\n${lines}\n${note}`;
  parseAddCheckpoint(body);
  return body;
}

/**
 * Reads the body of add-checkpoint (tlog-witness). The note in it is not read yet.
 * @throws TlogError BAD_PROOF for another form or more than 63 hashes, BAD_SIZE, BAD_HASH
 */
export function parseAddCheckpoint(body: string | Uint8Array): AddCheckpoint {
  const text = decodeText(body, MAX_ADD_CHECKPOINT_BYTES);
  const blank = text?.indexOf('\n\n') ?? -1;
  if (text === undefined || blank < 0) {
    throw new TlogError(
      'BAD_PROOF',
      'The body must be a line "old <size>", hashes, a blank line and a note.',
    );
  }
  // One too many is enough to know that there are too many.
  const [first = '', ...lines] = text.slice(0, blank).split('\n', MAX_PROOF_HASHES + 2);
  if (lines.length > MAX_PROOF_HASHES) {
    throw new TlogError('BAD_PROOF', `A consistency proof has at most ${MAX_PROOF_HASHES} hashes.`);
  }
  const oldSize = first.startsWith('old ') ? parseDecimal(first.slice('old '.length)) : undefined;
  if (oldSize === undefined) {
    throw new TlogError('BAD_SIZE', 'The first line must be "old <size>", a decimal without leading zeros.');
  }
  return { oldSize, proof: lines.map(parseHash), note: text.slice(blank + 2) };
}

/**
 * Reads the body of the answer 409 of add-checkpoint: the size that the witness cosigned last (tlog-witness).
 * @throws TlogError BAD_SIZE
 */
export function parseWitnessSize(body: Uint8Array): bigint {
  const text = decodeText(body, 32);
  const size = text?.endsWith('\n') === true ? parseDecimal(text.slice(0, -1)) : undefined;
  if (size !== undefined) return size;
  throw new TlogError('BAD_SIZE', 'The answer must be one decimal without leading zeros, and a newline.');
}

/**
 * Reads the body of the answer 200 of add-checkpoint: signature lines, each with its newline (tlog-witness).
 * @throws TlogError BAD_NOTE
 */
export function parseWitnessLines(body: Uint8Array): string[] {
  const text = decodeText(body, MAX_ADD_CHECKPOINT_BYTES);
  if (text === undefined) throw new TlogError('BAD_NOTE', 'The answer is too long or no valid UTF-8.');
  return parseSignatureLines(text).map(({ line }) => line);
}

function parseHash(line: string): Uint8Array {
  const hash = decodeBase64(line);
  if (hash?.length === HASH_BYTES) return hash;
  throw new TlogError('BAD_HASH', `A hash of the proof must be ${HASH_BYTES} bytes in padded base64.`);
}
