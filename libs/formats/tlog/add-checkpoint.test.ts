import { expect, test } from 'vitest';

import { encodeAddCheckpoint, parseAddCheckpoint, parseWitnessLines, parseWitnessSize } from './index.ts';

const NOTE = 'example.com/log\n1\nAAAA\n\n— example.com/log AAAAAAA=\n';
const hash = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

test.each([
  { oldSize: 0n, proof: [] },
  { oldSize: 2n ** 63n - 1n, proof: [hash(1), hash(2)] },
  { oldSize: 7n, proof: Array.from({ length: 63 }, (_, fill) => hash(fill)) },
])('a request from $oldSize is read as it was written', ({ oldSize, proof }) => {
  const read = parseAddCheckpoint(encodeAddCheckpoint({ oldSize, proof, note: NOTE }));
  expect(read.oldSize).toBe(oldSize);
  expect(read.note).toBe(NOTE);
  expect(read.proof.map((one) => Buffer.from(one))).toEqual(proof.map((one) => Buffer.from(one)));
});

test.each([
  {
    name: '64 hashes',
    value: { oldSize: 7n, proof: Array.from({ length: 64 }, hash), note: NOTE },
    code: 'BAD_PROOF',
  },
  { name: 'a short hash', value: { oldSize: 7n, proof: [new Uint8Array(31)], note: NOTE }, code: 'BAD_HASH' },
  { name: 'a negative size', value: { oldSize: -1n, proof: [], note: NOTE }, code: 'BAD_SIZE' },
])('a request with $name is not written', ({ value, code }) => {
  expect(() => encodeAddCheckpoint(value)).toThrow(expect.objectContaining({ code }));
});

test('the size in an answer is one decimal on a line', () => {
  expect(parseWitnessSize(Buffer.from('123\n'))).toBe(123n);
  for (const text of ['', '\n', '123', '0123\n', '+1\n', '1\n2\n', `${'1'.repeat(40)}\n`]) {
    expect(() => parseWitnessSize(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'BAD_SIZE' }));
  }
});

test('the lines in an answer are signature lines', () => {
  const line = '— example.com/w AAAAAAA=\n';
  expect(parseWitnessLines(Buffer.from(line + line))).toEqual([line, line]);
  for (const text of ['', 'no line\n', line.trimEnd(), `${line}\n`]) {
    expect(() => parseWitnessLines(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'BAD_NOTE' }));
  }
});
