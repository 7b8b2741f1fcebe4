import { type Checkpoint, requireOrigin } from './checkpoint.ts';
import { hasControl } from './encoding.ts';
import { TlogError } from './errors.ts';
import type { VerifierKey } from './keys.ts';
import { joinTwoNotes, openSigned, splitTwoNotes } from './two-notes.ts';

/**
 * Two signed heads of one log, of different sizes, and the statement of who keeps them that the log did not show the larger to
 * extend the smaller when it was asked. The notes are the log's; the statement is signed by nobody, and proves nothing.
 */
export type Unexplained = {
  /** Since when it was asked, in the milliseconds of ISO 8601, UTC. */
  readonly since: string;
  /** Who showed one of the heads: an organisation. */
  readonly shownBy: string;
  /** How the log answered last, one line of at most 200 characters. */
  readonly answer: string;
  readonly older: string;
  readonly newer: string;
};

/** Length limit of the file in bytes. */
export const MAX_UNEXPLAINED_BYTES = 128 * 1024;

const FIRST_LINE = 'dockchains.org/unexplained@v1';
const MAX_VALUE_CHARACTERS = 255;
const NAMES = ['since', 'shown-by', 'answer'] as const;

/** Encodes it as text: a line that names the form, the statement, and each note behind a blank line. @throws TlogError BAD_EQUIVOCATION, BAD_NOTE */
export function encodeUnexplained({ since, shownBy, answer, older, newer }: Unexplained): string {
  const header = [FIRST_LINE, `since ${since}`, `shown-by ${shownBy}`, `answer ${answer}`];
  const text = joinTwoNotes({ header, older, newer });
  parseUnexplained(text);
  return text;
}

/** Whether a file says of itself that it is one of these. */
export function isUnexplained(source: Uint8Array): boolean {
  return Buffer.from(source.subarray(0, FIRST_LINE.length + 1)).toString('latin1') === `${FIRST_LINE}\n`;
}

/** Reads such a file; nothing is verified. @throws TlogError BAD_EQUIVOCATION, BAD_NOTE */
export function parseUnexplained(source: string | Uint8Array): Unexplained {
  const notes = splitTwoNotes(source, MAX_UNEXPLAINED_BYTES);
  const [first, ...lines] = notes?.header ?? [];
  if (notes === undefined || first !== FIRST_LINE || lines.length !== NAMES.length) {
    throw refused(
      `A first line "${FIRST_LINE}", lines ${NAMES.join(', ')}, and two notes behind blank lines, are expected.`,
    );
  }
  const [since = '', shownBy = '', answer = ''] = NAMES.map((name, at) => parseLine(lines[at] ?? '', name));
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(since)) throw refused('The time is none.');
  return { since, shownBy, answer, older: notes.older, newer: notes.newer };
}

/**
 * Verifies with the log's keys that it signed both heads, of two sizes, which is all that can be verified, and gives them.
 * @throws TlogError BAD_EQUIVOCATION if the sizes are not in order; as openCheckpoint
 */
export function verifyUnexplained(
  { older, newer }: Pick<Unexplained, 'older' | 'newer'>,
  logKeys: readonly VerifierKey[],
): { older: Checkpoint; newer: Checkpoint } {
  const before = openSigned(older, logKeys);
  const after = openSigned(newer, logKeys);
  requireOrigin(after.origin, before.origin);
  if (before.size >= after.size) throw refused('The older note must have fewer entries than the newer one.');
  return { older: before, newer: after };
}

function parseLine(line: string, name: string): string {
  const value = line.startsWith(`${name} `) ? line.slice(name.length + 1) : '';
  if (value !== '' && value.length <= MAX_VALUE_CHARACTERS && !hasControl(value)) return value;
  throw refused(`A line "${name}" with at most ${MAX_VALUE_CHARACTERS} printable characters is expected.`);
}

function refused(reason: string): TlogError {
  return new TlogError('BAD_EQUIVOCATION', `These are no two heads that wait for an explanation. ${reason}`);
}
