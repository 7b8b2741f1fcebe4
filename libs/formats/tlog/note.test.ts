import fc from 'fast-check';
import { expect, test } from 'vitest';

import { addSignatures, encodeNote, parseNote, parseSignatureLines } from './index.ts';
import { refused } from './testing/refused.ts';

const TEXT = 'This is an example message.\n';
const BASE64 = 'Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=';
const LINE = `— example.com/foo ${BASE64}\n`;

test('reads a note into its text and signatures', () => {
  const { text, signatures } = parseNote(`${TEXT}\n${LINE}`);
  expect(text).toBe(TEXT);
  expect(signatures).toHaveLength(1);
  expect(signatures[0]).toMatchObject({ name: 'example.com/foo', keyId: 0x530d903a, line: LINE });
  expect(signatures[0]?.signature).toEqual(Buffer.from(BASE64, 'base64').subarray(4));
});

test.each([
  { name: 'blank lines within the text', text: 'a\n\nb\n\n\nc\n' },
  { name: 'a blank line at its end', text: 'a\n\n' },
  { name: 'a text of one newline', text: '\n' },
  { name: 'a signature line in the text', text: `a\n\n${LINE}` },
  { name: 'a byte order mark', text: '\ufeffa\n' },
  { name: 'a later control character of Unicode', text: 'a\u0085b\u007f\n' },
  { name: 'text beyond ASCII', text: 'Ognuno è solo — 😀\n' },
])('keeps $name', ({ text }) => {
  const note = encodeNote(text, [LINE]);
  expect(parseNote(note).text).toBe(text);
  expect(parseNote(Buffer.from(note)).text).toBe(text);
});

test('writes every note that it reads, byte for byte', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '—', ' ', '\n', '+', '=', '😀') });
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 64 }), (body, count) => {
      const lines = Array.from({ length: count }, (_, i) => `— signer${i} ${BASE64}\n`);
      const note = `${body}\n\n${lines.join('')}`;
      const parsed = parseNote(note);
      expect(
        encodeNote(
          parsed.text,
          parsed.signatures.map(({ line }) => line),
        ),
      ).toBe(note);
    }),
  );
});

const signed = (lines: string): string => `${TEXT}\n${lines}`;

test.each([
  { name: 'nothing in it', note: '' },
  { name: 'no blank line', note: `${TEXT}${LINE}` },
  { name: 'no signature', note: signed('') },
  { name: 'no text', note: `\n${LINE}` },
  { name: 'no newline at the end', note: signed(LINE.slice(0, -1)) },
  { name: 'a blank line at the end', note: signed(`${LINE}\n`) },
  { name: 'CRLF', note: signed(LINE).replaceAll('\n', '\r\n') },
  { name: 'a carriage return in a signature line', note: signed(LINE.replace('\n', '\r\n')) },
  { name: 'a tab', note: `a\tb\n\n${LINE}` },
  { name: 'a NUL', note: `a\0b\n\n${LINE}` },
  { name: 'a hyphen for the em dash', note: signed(LINE.replace('—', '-')) },
  { name: 'an en dash for the em dash', note: signed(LINE.replace('—', '–')) },
  { name: 'no space behind the dash', note: signed(LINE.replace('— ', '—')) },
  { name: 'a no-break space behind the dash', note: signed(LINE.replace('— ', '—\u00a0')) },
  { name: 'two spaces behind the dash', note: signed(LINE.replace('— ', '—  ')) },
  { name: 'a space at the end of the line', note: signed(LINE.replace('\n', ' \n')) },
  { name: 'a space in a name', note: signed(`— Bad Name ${BASE64}\n`) },
  { name: 'a Unicode space in a name', note: signed(`— bad\u2003name ${BASE64}\n`) },
  { name: 'a plus in a name', note: signed(`— bad+name ${BASE64}\n`) },
  { name: 'no name', note: signed(`—  ${BASE64}\n`) },
  { name: 'no base64', note: signed('— example.com/foo\n') },
  { name: 'empty base64', note: signed('— example.com/foo \n') },
  { name: 'missing padding', note: signed(LINE.replace('=', '')) },
  { name: 'too much padding', note: signed(LINE.replace('=', '==')) },
  { name: 'base64 with bits behind its end', note: signed(LINE.replace('aQM=', 'aQN=')) },
  { name: 'the URL-safe alphabet', note: signed('— example.com/foo AAAAAAA-_w==\n') },
  { name: 'a character that is none of base64', note: signed(LINE.replace('Uw2Q', 'Uw2Q*')) },
  { name: 'a key id and no signature', note: signed('— example.com/foo AAAAAA==\n') },
  { name: 'a line that is no signature', note: signed(`${LINE}Unexpected line.\n`) },
  { name: 'a lone surrogate', note: `\ud800\n\n${LINE}` },
  { name: '65 signatures', note: signed(LINE.repeat(65)) },
  { name: 'more than 1 MiB', note: `${'a'.repeat(1024 * 1024)}\n\n${LINE}` },
  { name: 'more than 1 MiB in bytes though not in characters', note: `${'—'.repeat(400_000)}\n\n${LINE}` },
])('N5: refuses a note with $name', ({ note }) => {
  expect(() => parseNote(note)).toThrow(refused('BAD_NOTE'));
});

test.each([
  { name: 'an invalid byte', bytes: Uint8Array.of(0xff) },
  { name: 'an overlong newline', bytes: Uint8Array.of(0xc0, 0x8a) },
  { name: 'a surrogate', bytes: Uint8Array.of(0xed, 0xa0, 0x80) },
  { name: 'a cut character', bytes: Uint8Array.of(0xe2, 0x80) },
])('N5: refuses a note of bytes with $name', ({ bytes }) => {
  expect(() => parseNote(Buffer.concat([bytes, Buffer.from(signed(LINE))]))).toThrow(refused('BAD_NOTE'));
});

test('N5: takes 64 signatures, and as many as it is told', () => {
  expect(parseNote(signed(LINE.repeat(64))).signatures).toHaveLength(64);
  expect(parseNote(signed(LINE.repeat(80)), { maxSignatures: 80 }).signatures).toHaveLength(80);
  expect(() => parseNote(signed(LINE.repeat(17)), { maxSignatures: 16 })).toThrow(refused('BAD_NOTE'));
  expect(() => parseNote(signed(LINE), { maxBytes: 100 })).toThrow(refused('BAD_NOTE'));
});

test.each([
  { name: 'a text without a newline', text: 'abc', lines: [LINE] },
  { name: 'no signature', text: TEXT, lines: [] },
  { name: 'a line without its newline', text: TEXT, lines: [LINE.slice(0, -1)] },
  { name: 'two lines in one', text: TEXT, lines: [`${LINE}${LINE}`] },
  { name: 'a line that opens another signed part', text: TEXT, lines: [LINE, `\n${LINE}`] },
])('does not write a note with $name', ({ text, lines }) => {
  expect(() => encodeNote(text, lines)).toThrow(refused('BAD_NOTE'));
});

test('adds signatures behind those that are there, each once', () => {
  const witness = LINE.replace('example.com/foo', 'witness.example');
  const note = signed(LINE);
  const merged = addSignatures(note, [LINE, witness]);
  expect(merged).toBe(signed(`${LINE}${witness}`));
  expect(addSignatures(merged, [witness])).toBe(merged);
  expect(() => addSignatures(note, ['no signature\n'])).toThrow(refused('BAD_NOTE'));
});

test('reads the signature lines that a witness answers', () => {
  expect(parseSignatureLines(`${LINE}${LINE}`).map(({ line }) => line)).toEqual([LINE, LINE]);
  expect(() => parseSignatureLines('')).toThrow(refused('BAD_NOTE'));
  expect(() => parseSignatureLines(LINE.repeat(65))).toThrow(refused('BAD_NOTE'));
});
