import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encodeRecord, parseRecord } from '@dockchains/records';
import { parseOrigin } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import {
  closeLedger,
  closingRecord,
  findLedgerLine,
  type LedgerClosing,
  namesOf,
  predecessorsOf,
  successorOf,
} from './closed-ledgers.ts';

const ORGANISATION = 'acme.example';
const FIRST = parseOrigin('acme.example/ledger/private');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-closed-'));
});
afterEach(() => rm(folder, { recursive: true }));

const closingOf = (origin: string, size: string): LedgerClosing => ({
  ...{ origin, successor: successorOf(parseOrigin(origin)), size, kept: '0' },
  at: '2026-01-01T00:00:00.000Z',
});

const lineOf = (name: 'public' | 'private') => findLedgerLine(folder, ORGANISATION, name);

test('a ledger that was never closed goes on; one that was is followed by the next number', async () => {
  expect(await lineOf('private')).toEqual({ current: FIRST, closed: [] });
  const first = closingOf(FIRST, '7');
  await closeLedger(folder, first);
  expect(await lineOf('private')).toEqual({ current: `${FIRST}/2`, closed: [first] });
  const second = closingOf(`${FIRST}/2`, '3');
  await closeLedger(folder, second);
  expect(await lineOf('private')).toEqual({ current: `${FIRST}/3`, closed: [first, second] });
  expect(await lineOf('public')).toEqual({ current: 'acme.example/ledger/public', closed: [] });
});

test('what was written of a closing first stands', async () => {
  const first = closingOf(FIRST, '7');
  await closeLedger(folder, first);
  await closeLedger(folder, closingOf(FIRST, '9'));
  expect((await lineOf('private')).closed).toEqual([first]);
});

test('each ledger of a line has files of its own', () => {
  expect(namesOf(FIRST)).toEqual({ ledger: 'private', files: 'private' });
  expect(namesOf(successorOf(FIRST))).toEqual({ ledger: 'private', files: 'private.2' });
  expect(successorOf(successorOf(FIRST))).toBe(`${FIRST}/3`);
});

test('a line of ledgers is known from its last one', () => {
  expect(predecessorsOf(FIRST)).toEqual([]);
  const second = successorOf(FIRST);
  expect(predecessorsOf(second)).toEqual([FIRST]);
  expect(predecessorsOf(successorOf(second))).toEqual([FIRST, second]);
  expect(predecessorsOf(parseOrigin(`${FIRST}/99999999`))).toHaveLength(999);
  expect(predecessorsOf(parseOrigin('example.com/another'))).toEqual([]);
});

test('the record of a closing is the same each time, and another closing’s is another', () => {
  const record = closingRecord(closingOf(FIRST, '7'), ORGANISATION);
  expect(closingRecord(closingOf(FIRST, '7'), ORGANISATION)).toEqual(record);
  expect(closingRecord(closingOf(FIRST, '8'), ORGANISATION).recordId).not.toBe(record.recordId);
  expect(parseRecord(encodeRecord(record))).toEqual(record);
});
