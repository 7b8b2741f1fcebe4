import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseOrigin } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { hasInception, openKey, writeInception } from './index.ts';

const ORIGIN = parseOrigin('acme.example/ledger/public');
let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'dockchains-keys-')), 'keys');
});

afterEach(() => rm(join(folder, '..'), { recursive: true }));

test('a key is made once and found again, readable by its owner alone', async () => {
  const made = await openKey(folder, 'token');
  expect((await openKey(folder, 'token')).equals(made)).toBe(true);
  expect((await stat(join(folder, 'token.pem'))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['token.pem']);
});

test('gateways that start together share one key', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => openKey(folder, 'log-public')));
  expect(keys.every((key) => keys[0]?.equals(key))).toBe(true);
});

test('each role has a key of its own', async () => {
  expect((await openKey(folder, 'token')).equals(await openKey(folder, 'receipt'))).toBe(false);
});

test('the key of a ledger that has begun is never made anew', async () => {
  await expect(openKey(folder, 'log-public', { mayCreate: false })).rejects.toMatchObject({
    code: 'KEY_MISSING',
  });
});

test('a key that others can read, or that is none, is refused', async () => {
  await openKey(folder, 'token');
  await chmod(join(folder, 'token.pem'), 0o640);
  await expect(openKey(folder, 'token')).rejects.toMatchObject({ code: 'BAD_MODE' });
  await writeFile(join(folder, 'receipt.pem'), 'no key', { mode: 0o600 });
  await expect(openKey(folder, 'receipt')).rejects.toMatchObject({ code: 'BAD_KEY' });
});

test('an inception is remembered', async () => {
  expect(await hasInception(folder, ORIGIN)).toBe(false);
  await writeInception(folder, ORIGIN, new Date());
  expect(await hasInception(folder, ORIGIN)).toBe(true);
});
