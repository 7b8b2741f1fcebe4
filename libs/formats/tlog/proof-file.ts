import { parseCheckpoint } from './checkpoint.ts';
import { decodeBase64, decodeText, encodeBase64, parseDecimal } from './encoding.ts';
import { TlogError } from './errors.ts';
import { HASH_BYTES } from './hash.ts';
import { parseNote } from './note.ts';
import { type Accepted, checkPolicy, type Policy } from './policy.ts';
import { MAX_PROOF_HASHES, verifyInclusion } from './verify-proof.ts';

/** A proof that an entry is at `index` of a log: `hashes` lead from its leaf to the root in `checkpoint`, a note. `extra` is not authenticated by the format. */
export type ProofFile = {
  extra?: Uint8Array;
  index: bigint;
  hashes: readonly Uint8Array[];
  checkpoint: string;
};

const MAX_FILE_BYTES = 1024 * 1024;
const HEADER = 'c2sp.org/tlog-proof@v1';

/**
 * Encodes a proof as the text of a `.tlog-proof` file (tlog-proof, Format).
 * @throws TlogError BAD_PROOF_FILE if {@link parseProofFile} would refuse it or read something else
 */
export function encodeProofFile({ extra, index, hashes, checkpoint }: ProofFile): string {
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${encodeBase64(extra)}`]),
    `index ${index.toString()}`,
    ...hashes.map(encodeBase64),
  ];
  const text = `${lines.join('\n')}\n\n${checkpoint}`;
  parseProofFile(text);
  return text;
}

/**
 * Reads a `.tlog-proof` file of at most 1 MiB and 63 hashes, without verifying it (tlog-proof, Format).
 * @throws TlogError BAD_PROOF_FILE; BAD_NOTE if its checkpoint is no note
 */
export function parseProofFile(source: string | Uint8Array): ProofFile {
  const text = decodeText(source, MAX_FILE_BYTES);
  if (text === undefined) throw badFile('The proof file is too long or no valid UTF-8.');
  const blank = text.indexOf('\n\n');
  if (blank < 0) throw badFile('The proof file has no blank line before its checkpoint.');

  const [header, ...lines] = text.slice(0, blank).split('\n', MAX_PROOF_HASHES + 4);
  if (header !== HEADER) throw badFile(`The file does not begin with "${HEADER}".`);
  const extra = lines[0]?.startsWith('extra ') === true ? parseExtra(lines.shift() ?? '') : undefined;
  const index = parseIndex(lines.shift() ?? '');
  if (lines.length > MAX_PROOF_HASHES) throw badFile(`A proof has at most ${MAX_PROOF_HASHES} hashes.`);
  const hashes = lines.map(parseHash);
  const checkpoint = text.slice(blank + 2);
  parseNote(checkpoint);
  return { ...(extra !== undefined && { extra }), index, hashes, checkpoint };
}

/**
 * Verifies that the leaf is in a log that the policy trusts, at the file's index, under a checkpoint that the policy accepts; gives that checkpoint, whose
 * origin and cosignature times are for the caller to judge (tlog-proof). The leaf hash, 32 bytes, is computed by the caller from what it believes.
 * @throws TlogError as checkPolicy and verifyInclusion, and BAD_NOTE
 */
export function verifyProofFile(file: ProofFile, policy: Policy, leafHash: Uint8Array): Accepted {
  const note = parseNote(file.checkpoint);
  const accepted = checkPolicy(note, policy, parseCheckpoint(note.text).origin);
  const { size, root } = accepted.checkpoint;
  verifyInclusion({ index: file.index, size, leafHash, proof: file.hashes, root });
  return accepted;
}

function parseExtra(line: string): Uint8Array {
  const extra = decodeBase64(line.slice('extra '.length));
  if (extra !== undefined && extra.length > 0) return extra;
  throw badFile('The extra line must hold padded base64 of at least one byte.');
}

function parseIndex(line: string): bigint {
  const index = line.startsWith('index ') ? parseDecimal(line.slice('index '.length)) : undefined;
  if (index !== undefined) return index;
  throw badFile('The index line must be "index" and a decimal without leading zeros.');
}

function parseHash(line: string): Uint8Array {
  const hash = decodeBase64(line);
  if (hash?.length === HASH_BYTES) return hash;
  throw badFile(`Each hash must be ${HASH_BYTES} bytes in padded base64, on a line of its own.`);
}

function badFile(message: string): TlogError {
  return new TlogError('BAD_PROOF_FILE', message);
}
