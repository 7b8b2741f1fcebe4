import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { openSealingKey } from './index.ts';

let folder: string;
const open = (mayCreate: boolean): Promise<Uint8Array> => openSealingKey(folder, { mayCreate });

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
