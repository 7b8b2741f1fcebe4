import { encodeBundle } from '@dockchains/tlog';
import { expect, test } from 'vitest';

import {
  encodeCheckpointMessage,
  encodePackage,
  encodeWitnessReply,
  MAX_PAYLOAD_BYTES,
  parseCheckpointMessage,
  parsePackage,
  parseWitnessReply,
} from './index.ts';

const ORIGIN = 'acme.example/ledger/public';
const NOTE = `${ORIGIN}\n258\nAAAA\n\n— x AAAA\n`;
const entries = [Buffer.from('one'), Buffer.from('two')];
const bundle = Buffer.from(encodeBundle(entries));
const pack = { origin: ORIGIN, start: 256n, end: 258n, note: NOTE, bundle };

test('a package is read as it was written', () => {
  expect(parsePackage(encodePackage(pack))).toEqual(pack);
});

test('a package that is too large for a message is announced by its range', () => {
  const large = Buffer.from(encodeBundle(Array.from({ length: 256 }, () => Buffer.alloc(65_535))));
  const encoded = encodePackage({ ...pack, start: 0n, end: 256n, bundle: large });
  expect(encoded.length).toBeLessThan(MAX_PAYLOAD_BYTES);
  expect(parsePackage(encoded)).toEqual({ ...pack, start: 0n, end: 256n, bundle: undefined });
});

test('checkpoints and replies are read as they were written', () => {
  const checkpoint = { origin: ORIGIN, note: NOTE };
  expect(parseCheckpointMessage(encodeCheckpointMessage(checkpoint))).toEqual(checkpoint);
  const reply = { status: 409, contentType: 'text/x.tlog.size', body: Buffer.from('12\n') };
  expect(parseWitnessReply(encodeWitnessReply(reply))).toEqual(reply);
});

const line = (header: object, rest: Uint8Array = bundle): Buffer =>
  Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), rest]);
const header = { origin: ORIGIN, start: '256', end: '258', note: NOTE, entries: true };

test.each([
  { name: 'nothing', bytes: Buffer.alloc(0) },
  { name: 'no newline', bytes: Buffer.from(JSON.stringify(header)) },
  { name: 'no JSON', bytes: Buffer.from('{\n') },
  { name: 'a range that ends before it starts', bytes: line({ ...header, end: '256' }) },
  { name: 'a range over two bundles', bytes: line({ ...header, start: '255' }) },
  { name: 'a number with a leading zero', bytes: line({ ...header, start: '0256' }) },
  { name: 'a negative index', bytes: line({ ...header, start: '-1' }) },
  { name: 'fewer entries than its range', bytes: line({ ...header, end: '259' }) },
  { name: 'more entries than its range', bytes: line({ ...header, end: '257' }) },
  { name: 'bytes where it has no entries', bytes: line({ ...header, entries: false }) },
  { name: 'an endless header', bytes: line({ ...header, note: 'x'.repeat(70_000) }) },
])('F5/F8: a package with $name is refused', ({ bytes }) => {
  expect(() => parsePackage(bytes)).toThrow(expect.objectContaining({ code: 'BAD_PAYLOAD' }));
});

test('F8: a payload over the limit is refused before it is read', () => {
  expect(() => parsePackage(Buffer.alloc(MAX_PAYLOAD_BYTES + 1))).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  );
});
