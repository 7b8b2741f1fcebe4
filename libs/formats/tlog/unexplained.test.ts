import { describe, expect, test } from 'vitest';

import {
  consistencyPath,
  createNoteSigner,
  encodeConsistency,
  encodeUnexplained,
  isUnexplained,
  MAX_CONSISTENCY_BYTES,
  parseConsistency,
  parseOrigin,
  parseUnexplained,
  signCheckpoint,
  type TlogErrorCode,
  verifyUnexplained,
} from './index.ts';
import { privateKeyOf } from './testing/keys.ts';
import { refused } from './testing/refused.ts';

const ORIGIN = parseOrigin('acme.example/ledger/private');
const signer = createNoteSigner({ name: ORIGIN, privateKey: privateKeyOf(1) });
const stranger = createNoteSigner({ name: ORIGIN, privateKey: privateKeyOf(2) });
const noteOf = (size: bigint, by = signer): string =>
  signCheckpoint({ origin: ORIGIN, size, root: new Uint8Array(32).fill(Number(size)) }, by);

const FILE = {
  ...{ since: '2026-05-01T00:00:00.000Z', shownBy: 'globex.example', answer: 'it can’t be reached' },
  ...{ older: noteOf(6n), newer: noteOf(9n) },
};

describe('two heads that wait for an explanation', () => {
  test('are kept in a file, of which the signatures verify', () => {
    const text = encodeUnexplained(FILE);
    expect(isUnexplained(Buffer.from(text))).toBe(true);
    expect(parseUnexplained(text)).toEqual(FILE);
    expect(verifyUnexplained(parseUnexplained(text), [signer.verifierKey])).toMatchObject({
      older: { size: 6n },
      newer: { size: 9n },
    });
  });

  test.each<{ name: string; notes: { older: string; newer: string }; code: TlogErrorCode }>([
    { name: 'of one size', notes: { older: noteOf(6n), newer: noteOf(6n) }, code: 'BAD_EQUIVOCATION' },
    { name: 'in the wrong order', notes: { older: noteOf(9n), newer: noteOf(6n) }, code: 'BAD_EQUIVOCATION' },
    {
      name: 'of which a stranger signed one',
      notes: { older: noteOf(6n), newer: noteOf(9n, stranger) },
      code: 'UNKNOWN_SIGNER',
    },
  ])('$name are none', ({ notes, code }) => {
    expect(() => verifyUnexplained(notes, [signer.verifierKey])).toThrow(refused(code));
  });

  test.each([
    {
      name: 'another first line',
      change: (text: string) => text.replace('unexplained@v1', 'unexplained@v2'),
    },
    { name: 'no time', change: (text: string) => text.replace('since 2026', 'since then 2026') },
    { name: 'a line less', change: (text: string) => text.replace(/answer .*\n/, '') },
    { name: 'a line more', change: (text: string) => text.replace('answer ', 'answer x\nanswer ') },
    { name: 'a control character', change: (text: string) => text.replace('globex', 'glo\u001bbex') },
    { name: 'a third note', change: (text: string) => `${text}\n${noteOf(10n)}` },
  ])('with $name are not read', ({ change }) => {
    expect(() => parseUnexplained(change(encodeUnexplained(FILE)))).toThrow(refused('BAD_EQUIVOCATION'));
  });

  test('an answer that would break the lines is not written', () => {
    expect(() => encodeUnexplained({ ...FILE, answer: 'a\nb' })).toThrow(refused('BAD_EQUIVOCATION'));
  });
});

describe('a consistency proof as lines', () => {
  const hashes = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

  test('is read as it was written', () => {
    expect(parseConsistency(Buffer.from(encodeConsistency(hashes)))).toEqual(
      hashes.map((hash) => Buffer.from(hash)),
    );
    expect(parseConsistency(Buffer.alloc(0))).toEqual([]);
  });

  test.each<{ name: string; text: string; code: TlogErrorCode }>([
    { name: 'a hash of 31 bytes', text: `${Buffer.alloc(31).toString('base64')}\n`, code: 'BAD_HASH' },
    { name: 'an empty line', text: '\n', code: 'BAD_HASH' },
    { name: 'no newline', text: Buffer.alloc(32).toString('base64'), code: 'BAD_PROOF' },
    {
      name: 'more than any proof has',
      text: encodeConsistency([new Uint8Array(32)]).repeat(64),
      code: 'BAD_PROOF',
    },
  ])('with $name is refused', ({ text, code }) => {
    expect(() => parseConsistency(Buffer.from(text))).toThrow(refused(code));
    expect(MAX_CONSISTENCY_BYTES).toBe(63 * 45);
  });

  test('is asked for by sizes and roots', () => {
    const head = (size: bigint) => ({ size, root: new Uint8Array(32).fill(Number(size)) });
    expect(consistencyPath(head(6n), head(9n))).toBe(`consistency/6-${'06'.repeat(32)}/9-${'09'.repeat(32)}`);
  });
});
