import { decodeBase64, encodeBase64, parseDecimal } from './encoding.ts';
import { TlogError } from './errors.ts';
import { HASH_BYTES, requireHash } from './hash.ts';
import { isKeyName, MAX_NAME_BYTES, type VerifierKey } from './keys.ts';
import { encodeNote, type Note, parseNote } from './note.ts';
import type { NoteSigner } from './sign-note.ts';
import { verifyNote } from './verify-note.ts';

declare const originBrand: unique symbol;

/** The name of a log, and of the key that signs for it: 1 to 255 bytes without white space, control characters and "+" (tlog-checkpoint, Note text). */
export type Origin = string & { readonly [originBrand]: true };

/** A log's head: the root, 32 bytes, of its first `size` entries. `extensions` are further lines, if there are any. */
export type Checkpoint = { origin: Origin; size: bigint; root: Uint8Array; extensions?: readonly string[] };

/** What {@link parseCheckpoint} lets pass: extension lines, 0 unless told. */
export type CheckpointLimits = { maxExtensions?: number };

/**
 * Reads the name of a log.
 * @throws TlogError BAD_ORIGIN
 */
export function parseOrigin(text: string): Origin {
  if (isOrigin(text)) return text;
  throw new TlogError(
    'BAD_ORIGIN',
    `"${text.slice(0, 80)}" is no origin: 1 to 255 bytes without spaces and "+" are expected.`,
  );
}

/**
 * Reads the text of a checkpoint, the signed part of its note (tlog-checkpoint, Note text). Nothing is verified.
 * @throws TlogError BAD_CHECKPOINT for missing or further lines, BAD_ORIGIN, BAD_SIZE, BAD_ROOT
 */
export function parseCheckpoint(text: string, { maxExtensions = 0 }: CheckpointLimits = {}): Checkpoint {
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n', 4 + maxExtensions);
  if (!text.endsWith('\n') || origin === undefined || size === undefined || root === undefined) {
    throw new TlogError('BAD_CHECKPOINT', 'A checkpoint has three lines: origin, size and root.');
  }
  if (extensions.length > maxExtensions || extensions.includes('')) {
    throw new TlogError(
      'BAD_CHECKPOINT',
      `A checkpoint has at most ${maxExtensions} extension lines here, and none that is empty.`,
    );
  }
  return {
    origin: parseOrigin(origin),
    size: parseSize(size),
    root: parseRoot(root),
    ...(extensions.length > 0 && { extensions }),
  };
}

/**
 * Encodes the text of a checkpoint, which is what is signed (tlog-checkpoint, Note text).
 * @throws TlogError BAD_ORIGIN, BAD_SIZE, BAD_HASH, BAD_CHECKPOINT for an extension that is no line
 */
export function encodeCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  requireHash(root);
  if (extensions.some((line) => line === '' || line.includes('\n'))) {
    throw new TlogError('BAD_CHECKPOINT', 'An extension of a checkpoint is a line that is not empty.');
  }
  const lines = [parseOrigin(origin), parseSize(size.toString()), encodeBase64(root), ...extensions];
  return `${lines.join('\n')}\n`;
}

/**
 * Gives the checkpoint's note with the log's signature as its only one.
 * @throws TlogError BAD_ORIGIN if the signer has another name than the log; as {@link encodeCheckpoint}
 */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  requireOrigin(checkpoint.origin, signer.name);
  const text = encodeCheckpoint(checkpoint);
  return encodeNote(text, signer.sign(text).split(/(?<=\n)/));
}

/**
 * Reads a checkpoint's note and verifies that this key of the log, named after its origin, signed it.
 * @throws TlogError BAD_NOTE, UNKNOWN_SIGNER, BAD_SIGNATURE, BAD_ORIGIN if it is another log's, and as {@link parseCheckpoint}
 */
export function openCheckpoint(
  source: string | Uint8Array,
  logKey: VerifierKey,
  limits: CheckpointLimits = {},
): { checkpoint: Checkpoint; note: Note } {
  const note = parseNote(source);
  verifyNote(note, [logKey]);
  const checkpoint = parseCheckpoint(note.text, limits);
  requireOrigin(checkpoint.origin, logKey.name);
  return { checkpoint, note };
}

/** @throws TlogError BAD_ORIGIN unless the checkpoint is of the log of this name */
export function requireOrigin(origin: Origin, expected: string): void {
  if (origin === expected) return;
  throw new TlogError(
    'BAD_ORIGIN',
    `The checkpoint is of the log "${origin}", not of "${expected.slice(0, 255)}".`,
  );
}

function isOrigin(text: string): text is Origin {
  return isKeyName(text) && Buffer.byteLength(text) <= MAX_NAME_BYTES;
}

function parseSize(text: string): bigint {
  const size = parseDecimal(text);
  if (size !== undefined) return size;
  throw new TlogError('BAD_SIZE', 'The size must be a decimal of 0 to 2^63 - 1 without leading zeros.');
}

function parseRoot(text: string): Uint8Array {
  const root = decodeBase64(text);
  if (root?.length === HASH_BYTES) return root;
  throw new TlogError('BAD_ROOT', `The root must be ${HASH_BYTES} bytes in padded base64.`);
}
