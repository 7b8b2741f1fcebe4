import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { findFormerLogKey, openKey, openNatsAuthority, openNatsKey, rotateKey } from './index.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-keys-'));
});

afterEach(() => rm(folder, { recursive: true }));

test('a key is replaced, and the former kept beside it for its owner alone', async () => {
  const before = await openKey(folder, 'log-public');
  expect(await findFormerLogKey(folder, 'log-public')).toBeUndefined();
  await rotateKey(folder, 'log-public');
  const after = await openKey(folder, 'log-public', { mayCreate: false });
  expect(after.equals(before)).toBe(false);
  expect((await findFormerLogKey(folder, 'log-public'))?.equals(before)).toBe(true);
  expect((await stat(join(folder, 'log-public.pem'))).mode & 0o777).toBe(0o600);
  expect((await readdir(folder)).sort()).toEqual(['log-public.former.pem', 'log-public.pem']);
});

test('nkeys are replaced as well, each by one of its kind', async () => {
  const before = await openNatsKey(folder);
  const authority = await openNatsAuthority(folder);
  for (const role of ['nats', 'nats-operator', 'nats-account', 'nats-system'] as const) {
    await rotateKey(folder, role);
  }
  expect((await openNatsKey(folder)).publicKey).not.toBe(before.publicKey);
  expect(await readFile(join(folder, 'nats.former.seed'), 'utf8')).toContain(before.seed);
  const after = await openNatsAuthority(folder);
  for (const name of ['operator', 'account', 'system'] as const)
    expect(after[name]).not.toBe(authority[name]);
});

test('a key that is not there, or whose former one was not put away, is not replaced', async () => {
  await expect(rotateKey(folder, 'witness')).rejects.toMatchObject({ code: 'KEY_MISSING' });
  await openKey(folder, 'witness');
  await rotateKey(folder, 'witness');
  const current = await openKey(folder, 'witness');
  await expect(rotateKey(folder, 'witness')).rejects.toMatchObject({ code: 'BAD_KEY' });
  expect((await openKey(folder, 'witness')).equals(current)).toBe(true);
  await rm(join(folder, 'witness.former.pem'));
  await rotateKey(folder, 'witness');
  expect((await openKey(folder, 'witness')).equals(current)).toBe(false);
});
