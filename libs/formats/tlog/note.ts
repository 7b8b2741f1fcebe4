import { decodeBase64, decodeText, encodeBase64, hasControl } from './encoding.ts';
import { TlogError } from './errors.ts';
import { isKeyName, type VerifierKey } from './keys.ts';

/** One signature line of a note: `line` as it stands there, with its newline; `signature` is what follows the 4-byte key id. */
export type NoteSignature = { name: string; keyId: number; signature: Uint8Array; line: string };

/** A note as it was read; nothing in it is verified. `text` is what is signed, with its last newline. */
export type Note = { text: string; signatures: readonly NoteSignature[] };

/** Bounds on a note, in bytes of UTF-8 and signature lines; 1 MiB and 64 unless told. */
export type NoteLimits = { maxBytes?: number; maxSignatures?: number };

const MAX_NOTE_BYTES = 1024 * 1024;
const MAX_SIGNATURES = 64;
const KEY_ID_BYTES = 4;
const LINE_START = '— ';

/**
 * Reads a note without verifying it (signed-note, Format).
 * @throws TlogError BAD_NOTE
 */
export function parseNote(source: string | Uint8Array, limits: NoteLimits = {}): Note {
  const note = decodeText(source, limits.maxBytes ?? MAX_NOTE_BYTES);
  if (note === undefined) {
    throw new TlogError('BAD_NOTE', 'The note is too long or no valid UTF-8.');
  }
  if (hasControl(note, '\n')) throw new TlogError('BAD_NOTE', 'The note has a control character in it.');

  const blank = note.lastIndexOf('\n\n');
  if (blank < 0) throw new TlogError('BAD_NOTE', 'The note has no blank line between text and signatures.');
  return {
    text: note.slice(0, blank + 1),
    signatures: parseSignatureLines(note.slice(blank + 2), limits.maxSignatures ?? MAX_SIGNATURES),
  };
}

/**
 * Reads signature lines, as a witness answers them (signed-note, Format; tlog-witness, add-checkpoint).
 * @throws TlogError BAD_NOTE unless there are 1 to `maxSignatures`, 64 unless told
 */
export function parseSignatureLines(text: string, maxSignatures: number = MAX_SIGNATURES): NoteSignature[] {
  if (!text.endsWith('\n')) throw new TlogError('BAD_NOTE', 'A signature line must end in a newline.');
  // One too many is enough to know that there are too many.
  const lines = text.slice(0, -1).split('\n', maxSignatures + 1);
  if (lines.length > maxSignatures) {
    throw new TlogError('BAD_NOTE', `A note has at most ${maxSignatures} signatures.`);
  }
  return lines.map(parseSignatureLine);
}

/**
 * Puts a note together from its text and signature lines, each with its newline (signed-note, Format).
 * @throws TlogError BAD_NOTE if the result is no note with just this text and these lines
 */
export function encodeNote(text: string, lines: readonly string[]): string {
  const note = `${text}\n${lines.join('')}`;
  const parsed = parseNote(note);
  if (parsed.text === text && parsed.signatures.length === lines.length) return note;
  throw new TlogError('BAD_NOTE', 'The text of a note ends in a newline, and each signature is one line.');
}

/**
 * Adds signature lines to a note, leaving out those that it has; neither is verified.
 * @throws TlogError BAD_NOTE
 */
export function addSignatures(note: string, lines: readonly string[]): string {
  const { text, signatures } = parseNote(note);
  const merged = new Set([...signatures.map(({ line }) => line), ...lines]);
  return encodeNote(text, [...merged]);
}

/** Encodes the line, with its newline, of a signature by this key (signed-note, Signatures). */
export function encodeSignatureLine({ name, keyId }: VerifierKey, signature: Uint8Array): string {
  const id = Buffer.alloc(KEY_ID_BYTES);
  id.writeUInt32BE(keyId);
  return `${LINE_START}${name} ${encodeBase64(Buffer.concat([id, signature]))}\n`;
}

function parseSignatureLine(line: string): NoteSignature {
  const [name, encoded, ...rest] = line.startsWith(LINE_START)
    ? line.slice(LINE_START.length).split(' ')
    : [];
  const bytes = encoded === undefined ? undefined : decodeBase64(encoded);
  if (
    name === undefined ||
    bytes === undefined ||
    rest.length > 0 ||
    bytes.length <= KEY_ID_BYTES ||
    !isKeyName(name)
  ) {
    throw new TlogError('BAD_NOTE', 'A signature line must be an em dash, a key name and padded base64.');
  }
  return {
    name,
    keyId: bytes.readUInt32BE(0),
    signature: bytes.subarray(KEY_ID_BYTES),
    line: `${line}\n`,
  };
}
