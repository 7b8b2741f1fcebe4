import { type Checkpoint, parseCheckpoint, requireOrigin } from './checkpoint.ts';
import { decodeText } from './encoding.ts';
import type { VerifierKey } from './keys.ts';
import { parseNote } from './note.ts';
import { verifyNote } from './verify-note.ts';

/** Two notes of one log and the lines before them, as files about two heads have them. */
export type TwoNotes = {
  readonly header: readonly string[];
  readonly older: string;
  readonly newer: string;
};

const MAX_NOTE_BYTES = 48 * 1024;
// As many as witnesses here cosign: a log must not get away with two histories because it adds lines.
const MAX_EXTENSIONS = 16;

/** Joins header lines and the notes, each behind a blank line. */
export function joinTwoNotes({ header, older, newer }: TwoNotes): string {
  return [...header, '', older, newer].join('\n');
}

/** Parts a file into its header and its notes; undefined if it has another form. @throws TlogError BAD_NOTE */
export function splitTwoNotes(source: string | Uint8Array, maxBytes: number): TwoNotes | undefined {
  const text = decodeText(source, maxBytes);
  // Extension lines are not empty, so that each note has just one blank line.
  const [header, olderText, olderLines, newerText, newerLines, ...rest] = text?.split('\n\n', 6) ?? [];
  if (
    header === undefined ||
    olderText === undefined ||
    olderLines === undefined ||
    newerText === undefined ||
    newerLines === undefined ||
    rest.length > 0
  ) {
    return undefined;
  }
  return {
    header: header.split('\n'),
    older: requireNote(`${olderText}\n\n${olderLines}\n`),
    newer: requireNote(`${newerText}\n\n${newerLines}`),
  };
}

/**
 * Reads a note that one of the keys must have signed, which is named after the log: a key of another one proves nothing of it.
 * @throws TlogError as parseNote, parseCheckpoint, verifyNote, requireOrigin
 */
export function openSigned(source: string, logKeys: readonly VerifierKey[]): Checkpoint {
  const note = parseNote(source);
  const checkpoint = parseCheckpoint(note.text, { maxExtensions: MAX_EXTENSIONS });
  for (const { key } of verifyNote(note, logKeys)) requireOrigin(checkpoint.origin, key.name);
  return checkpoint;
}

function requireNote(note: string): string {
  parseNote(note, { maxBytes: MAX_NOTE_BYTES });
  return note;
}
