import { chmod, copyFile, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { openSealingKeys, rotateSealingKey } from './index.ts';

let folder: string;
const open = async (mayCreate: boolean): Promise<Uint8Array> =>
  (await openSealingKeys(folder, { mayCreate })).current;
const hexOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-keys-'));
});

afterEach(() => rm(folder, { recursive: true }));

test('the sealing key is made once, also by gateways that start together, for its owner alone', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => open(true)));
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
  expect(Buffer.from(await open(false))).toEqual(Buffer.from(keys[0] ?? []));
  expect((await stat(join(folder, 'sealing.key'))).mode & 0o777).toBe(0o600);
});

test('the sealing key is never made anew once records are sealed under it', async () => {
  await expect(open(false)).rejects.toMatchObject({ code: 'KEY_MISSING' });
});

test('a sealing key that others can read is refused', async () => {
  await open(true);
  await chmod(join(folder, 'sealing.key'), 0o640);
  await expect(open(true)).rejects.toMatchObject({ code: 'BAD_MODE' });
});

test.each([
  { name: 'of zero', text: '00'.repeat(32) },
  { name: 'not below the order of the group', text: 'ff'.repeat(32) },
  { name: 'too short', text: '01'.repeat(31) },
  { name: 'in capitals', text: 'AB'.repeat(31) + '01' },
  { name: 'with something behind', text: `${'01'.repeat(32)}\n\n` },
  { name: 'that is empty', text: '' },
])('a sealing key $name is refused, and its text not repeated', async ({ text }) => {
  await writeFile(join(folder, 'sealing.key'), text, { mode: 0o600 });
  const refused = await open(true).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'BAD_KEY' });
  if (text.trim() !== '') expect(String(refused)).not.toContain(text.trim());
});

test('a sealing key is replaced any number of times, and those before it are kept in their order', async () => {
  const keys = [hexOf(await open(true))];
  for (let round = 0; round < 3; round += 1) {
    await rotateSealingKey(folder);
    keys.push(hexOf(await open(false)));
  }
  const { current, former } = await openSealingKeys(folder, { mayCreate: false });
  expect([...former, current].map(hexOf)).toEqual(keys);
  expect(new Set(keys).size).toBe(4);
  expect((await stat(join(folder, 'sealing.former-1.key'))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toHaveLength(4);
});

test('a replacement that broke off before its last step is gone on with, and no key is kept twice', async () => {
  const before = hexOf(await open(true));
  await copyFile(join(folder, 'sealing.key'), join(folder, 'sealing.former-1.key'));
  expect(hexOf(await open(false))).toBe(before);
  await rotateSealingKey(folder);
  const { current, former } = await openSealingKeys(folder, { mayCreate: false });
  expect(former.map(hexOf)).toEqual([before]);
  expect(hexOf(current)).not.toBe(before);
});

test('there is nothing to replace before there is a key, and a former one that is damaged is refused', async () => {
  await expect(rotateSealingKey(folder)).rejects.toMatchObject({ code: 'KEY_MISSING' });
  await open(true);
  await rotateSealingKey(folder);
  await writeFile(join(folder, 'sealing.former-1.key'), 'ff'.repeat(32), { mode: 0o600 });
  await expect(open(false)).rejects.toMatchObject({ code: 'BAD_KEY' });
});
