import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { LOG_ROWS } from './log-rows.ts';
import { MESSAGE_ROWS } from './message-rows.ts';
import { NOTE_ROWS } from './note-rows.ts';
import { findMissing, namedRows } from './row.ts';

const ROOT = join(import.meta.dirname, '../..');
const ROWS = { ...LOG_ROWS, ...NOTE_ROWS, ...MESSAGE_ROWS };
const COUNTS = { L: 10, N: 9, W: 8, F: 12 };

const readSource = (file: string): string | undefined => {
  try {
    return readFileSync(join(ROOT, file), 'utf8');
  } catch {
    return undefined;
  }
};

test('every row of the catalogue of failures and attacks is listed', () => {
  const expected = Object.entries(COUNTS).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, at) => `${letter}${at + 1}`),
  );
  expect(Object.keys(ROWS).sort()).toEqual(expected.sort());
});

test.each(Object.entries(ROWS))('row %s has its tests, which are named after it', (name, row) => {
  expect(findMissing(name, row, readSource)).toEqual([]);
});

test('no test is named after a row that there is none of', async () => {
  const unknown: string[] = [];
  let count = 0;
  for await (const file of glob('{apps,libs,test}/**/*.test.ts', {
    cwd: ROOT,
    exclude: ['**/node_modules/**'],
  })) {
    if (file.startsWith('test/catalogue/')) continue;
    const names = namedRows(readSource(file) ?? '');
    count += names.length;
    unknown.push(...names.filter((name) => !(name in ROWS)).map((name) => `${file}: ${name}`));
  }
  expect(unknown).toEqual([]);
  expect(count).toBeGreaterThan(100);
});

test('a test that is gone, renamed or named after another row is missed', () => {
  const row = { about: '', tests: [['a.test.ts', 'L3: two gateways', 'one case'] as const] };
  const missingIn = (source: string | undefined) => findMissing('L3', row, () => source);
  expect(missingIn(`test('L3: two gateways sign', () => [{ name: 'one case' }])`)).toEqual([]);
  expect(missingIn(`test('L3: two gateways sign', () => [])`)).toEqual(['a.test.ts: one case']);
  expect(missingIn(`test('two gateways sign', () => [{ name: 'one case' }])`)).toEqual([
    'a.test.ts: L3: two gateways',
  ]);
  expect(missingIn(undefined)).toHaveLength(2);
  expect(findMissing('L4', row, () => `'L3: two gateways' 'one case'`)).toEqual([
    '"L3: two gateways" is not named after L4',
  ]);
  expect(findMissing('L3', { about: '', tests: [] }, () => '')).toEqual(['L3: no test']);
  expect(namedRows(`test('N8, N9: both', test("L3: one", test('PL1: none'`)).toEqual(['N8', 'N9', 'L3']);
});
