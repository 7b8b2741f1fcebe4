import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { fromSeed } from '@nats-io/nkeys';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openNatsAuthority, openNatsKey } from './index.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-keys-'));
});

afterEach(() => rm(folder, { recursive: true }));

test('the nkey is made once, also by gateways that start together, for its owner alone', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => openNatsKey(folder)));
  expect(new Set(keys.map(({ seed }) => seed)).size).toBe(1);
  expect(await openNatsKey(folder)).toEqual(keys[0]);
  expect((await stat(join(folder, 'nats.seed'))).mode & 0o777).toBe(0o600);
});

test('the public key is the one of the seed', async () => {
  const { seed, publicKey } = await openNatsKey(folder);
  expect(fromSeed(new TextEncoder().encode(seed)).getPublicKey()).toBe(publicKey);
});

test('the authority has a key for each of its roles, made once', async () => {
  const [first, second] = await Promise.all([openNatsAuthority(folder), openNatsAuthority(folder)]);
  expect(second).toEqual(first);
  expect(new Set(Object.values(first)).size).toBe(3);
  const publicKeys = Object.values(first).map((seed) =>
    fromSeed(new TextEncoder().encode(seed)).getPublicKey(),
  );
  expect(publicKeys.map(([kind]) => kind)).toEqual(['O', 'A', 'A']);
});

test('an nkey that others can read is refused', async () => {
  await openNatsKey(folder);
  await chmod(join(folder, 'nats.seed'), 0o644);
  await expect(openNatsKey(folder)).rejects.toMatchObject({ code: 'BAD_MODE' });
});

test.each([
  { name: 'without its public key', text: `SU${'A'.repeat(56)}\n` },
  { name: 'of an account', text: `SA${'A'.repeat(56)}\nA${'A'.repeat(55)}\n` },
  { name: 'that is empty', text: '' },
])('an nkey $name is refused, and its text not repeated', async ({ text }) => {
  await writeFile(join(folder, 'nats.seed'), text, { mode: 0o600 });
  const refused = await openNatsKey(folder).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'BAD_KEY' });
  expect(String(refused)).not.toContain('AAAA');
});
