import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  type Checkpoint,
  createNoteSigner,
  EMPTY_ROOT,
  encodeCheckpoint,
  encodeNote,
  openCheckpoint,
  parseCheckpoint,
  parseOrigin,
  signCheckpoint,
} from './index.ts';
import { privateKeyOf } from './testing/keys.ts';
import { refused } from './testing/refused.ts';

const ORIGIN = 'acme.example/ledger/public';
const ROOT = 'Gkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34=';
const checkpoint: Checkpoint = {
  origin: parseOrigin(ORIGIN),
  size: 70_000n,
  root: Buffer.from(ROOT, 'base64'),
};
const signer = createNoteSigner({ name: ORIGIN, privateKey: privateKeyOf(1) });

test('writes and reads the three lines of a checkpoint', () => {
  expect(encodeCheckpoint(checkpoint)).toBe(`${ORIGIN}\n70000\n${ROOT}\n`);
  expect(parseCheckpoint(`${ORIGIN}\n70000\n${ROOT}\n`)).toEqual(checkpoint);
});

test('reads every checkpoint that it writes', () => {
  const checkpoints = fc.record({
    size: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  });
  fc.assert(
    fc.property(checkpoints, ({ size, root }) => {
      const read = parseCheckpoint(encodeCheckpoint({ origin: checkpoint.origin, size, root }));
      expect({ ...read, root: Uint8Array.from(read.root) }).toEqual({ origin: ORIGIN, size, root });
    }),
  );
});

test.each([
  { name: 'nothing in it', text: '', code: 'BAD_CHECKPOINT' },
  { name: 'no root', text: `${ORIGIN}\n7\n`, code: 'BAD_CHECKPOINT' },
  { name: 'no newline at the end', text: `${ORIGIN}\n7\n${ROOT}`, code: 'BAD_CHECKPOINT' },
  { name: 'an extension line', text: `${ORIGIN}\n7\n${ROOT}\nextension\n`, code: 'BAD_CHECKPOINT' },
  { name: 'a blank line behind', text: `${ORIGIN}\n7\n${ROOT}\n\n`, code: 'BAD_CHECKPOINT' },
  { name: 'an empty origin', text: `\n7\n${ROOT}\n`, code: 'BAD_ORIGIN' },
  { name: 'a space in the origin', text: `acme example\n7\n${ROOT}\n`, code: 'BAD_ORIGIN' },
  { name: 'a plus in the origin', text: `acme+example\n7\n${ROOT}\n`, code: 'BAD_ORIGIN' },
  { name: 'an origin of 256 bytes', text: `${'a'.repeat(256)}\n7\n${ROOT}\n`, code: 'BAD_ORIGIN' },
  {
    name: 'an origin of 128 characters and 256 bytes',
    text: `${'é'.repeat(128)}\n7\n${ROOT}\n`,
    code: 'BAD_ORIGIN',
  },
  { name: 'no size', text: `${ORIGIN}\n\n${ROOT}\n`, code: 'BAD_SIZE' },
  { name: 'a leading zero in the size', text: `${ORIGIN}\n007\n${ROOT}\n`, code: 'BAD_SIZE' },
  { name: 'size 00', text: `${ORIGIN}\n00\n${ROOT}\n`, code: 'BAD_SIZE' },
  { name: 'a signed size', text: `${ORIGIN}\n+0\n${ROOT}\n`, code: 'BAD_SIZE' },
  { name: 'a negative size', text: `${ORIGIN}\n-1\n${ROOT}\n`, code: 'BAD_SIZE' },
  { name: 'a hexadecimal size', text: `${ORIGIN}\n0x7\n${ROOT}\n`, code: 'BAD_SIZE' },
  { name: 'a size with a space', text: `${ORIGIN}\n7 \n${ROOT}\n`, code: 'BAD_SIZE' },
  { name: 'a size in other digits', text: `${ORIGIN}\n٧\n${ROOT}\n`, code: 'BAD_SIZE' },
  { name: 'size 2^63', text: `${ORIGIN}\n9223372036854775808\n${ROOT}\n`, code: 'BAD_SIZE' },
  { name: 'a short root', text: `${ORIGIN}\n7\nAAAA\n`, code: 'BAD_ROOT' },
  { name: 'a root without padding', text: `${ORIGIN}\n7\n${ROOT.slice(0, -1)}\n`, code: 'BAD_ROOT' },
  {
    name: 'a root that is not canonical',
    text: `${ORIGIN}\n7\n${ROOT.replace('34=', '35=')}\n`,
    code: 'BAD_ROOT',
  },
  { name: 'a hexadecimal root', text: `${ORIGIN}\n7\n${'ab'.repeat(32)}\n`, code: 'BAD_ROOT' },
  { name: 'a space behind the root', text: `${ORIGIN}\n7\n${ROOT} \n`, code: 'BAD_ROOT' },
] as const)('N5: refuses a checkpoint with $name', ({ text, code }) => {
  expect(() => parseCheckpoint(text)).toThrow(refused(code));
});

test('N6: reads extension lines where they are allowed, and writes them', () => {
  const text = `${ORIGIN}\n70000\n${ROOT}\none\ntwo\n`;
  const read = parseCheckpoint(text, { maxExtensions: 2 });
  expect(read.extensions).toEqual(['one', 'two']);
  expect(encodeCheckpoint(read)).toBe(text);
  expect(() => parseCheckpoint(text, { maxExtensions: 1 })).toThrow(refused('BAD_CHECKPOINT'));
  expect(() => parseCheckpoint(`${text}\n`, { maxExtensions: 3 })).toThrow(refused('BAD_CHECKPOINT'));
});

test.each([
  { name: 'a short root', change: { root: Buffer.alloc(31) }, code: 'BAD_HASH' },
  { name: 'a negative size', change: { size: -1n }, code: 'BAD_SIZE' },
  { name: 'size 2^63', change: { size: 2n ** 63n }, code: 'BAD_SIZE' },
  { name: 'an empty extension', change: { extensions: [''] }, code: 'BAD_CHECKPOINT' },
  { name: 'an extension of two lines', change: { extensions: ['a\nb'] }, code: 'BAD_CHECKPOINT' },
] as const)('does not write a checkpoint with $name', ({ change, code }) => {
  expect(() => encodeCheckpoint({ ...checkpoint, ...change })).toThrow(refused(code));
});

test('opens what the log signed', () => {
  const empty = { ...checkpoint, size: 0n, root: EMPTY_ROOT };
  for (const head of [empty, checkpoint]) {
    const source = signCheckpoint(head, signer);
    const opened = openCheckpoint(source, signer.verifierKey);
    expect(encodeCheckpoint(opened.checkpoint)).toBe(encodeCheckpoint(head));
    expect(opened.note.signatures).toHaveLength(1);
    expect(openCheckpoint(Buffer.from(source), signer.verifierKey)).toEqual(opened);
  }
});

test('signs for its own log alone', () => {
  const other = createNoteSigner({ name: 'globex.example/ledger/public', privateKey: privateKeyOf(2) });
  expect(() => signCheckpoint(checkpoint, other)).toThrow(refused('BAD_ORIGIN'));
  const text = encodeCheckpoint(checkpoint);
  const foreign = encodeNote(text, [other.sign(text)]);
  expect(() => openCheckpoint(foreign, other.verifierKey)).toThrow(refused('BAD_ORIGIN'));
  expect(() => openCheckpoint(foreign, signer.verifierKey)).toThrow(refused('UNKNOWN_SIGNER'));
});

test('N6: refuses a signed text that is no checkpoint, or has extension lines', () => {
  const open = (text: string) => openCheckpoint(encodeNote(text, [signer.sign(text)]), signer.verifierKey);
  expect(() => open('hello\n')).toThrow(refused('BAD_CHECKPOINT'));
  expect(() => open(`${ORIGIN}\n7\n${ROOT}\nextension\n`)).toThrow(refused('BAD_CHECKPOINT'));
});
