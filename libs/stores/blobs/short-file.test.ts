import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { MAX_SHORT_BYTES, writeShort } from './short-file.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'short-'));
});

afterEach(() => rm(root, { recursive: true }));

test('writes files of up to 64 KiB whole', async () => {
  const bytes = randomBytes(Math.max(1, MAX_SHORT_BYTES));
  await writeShort(join(root, 'file'), bytes);
  expect((await readFile(join(root, 'file'))).equals(bytes)).toBe(true);
});

test('leaves a file alone that is there', async () => {
  await writeFile(join(root, 'file'), 'first');
  await expect(writeShort(join(root, 'file'), Buffer.from('other'))).rejects.toMatchObject({
    code: 'EEXIST',
  });
  expect(await readFile(join(root, 'file'), 'utf8')).toBe('first');
});

test('fails where there is no folder', async () => {
  await expect(writeShort(join(root, 'none', 'file'), Buffer.from('a'))).rejects.toMatchObject({
    code: 'ENOENT',
  });
  expect(await readdir(root)).toEqual([]);
});
