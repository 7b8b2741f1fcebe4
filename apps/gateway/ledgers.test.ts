import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { writeInception } from '@dockchains/keys';
import { parseOrigin, parsePolicy } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openLedgerKeys } from './ledgers.ts';

let keysDirectory: string;
const open = () =>
  openLedgerKeys({ organisation: 'acme.example', keysDirectory, publicUrl: 'http://127.0.0.1:5000' });
const begin = (name: string) =>
  writeInception(keysDirectory, parseOrigin(`acme.example/ledger/${name}`), new Date());

beforeEach(async () => {
  keysDirectory = await mkdtemp(join(tmpdir(), 'dockchains-keys-'));
});

afterEach(() => rm(keysDirectory, { recursive: true }));

test('the policy of the keys folder names both logs', async () => {
  const keys = await open();
  const { logs } = parsePolicy(await readFile(join(keysDirectory, 'trust.policy'), 'utf8'));
  expect(logs.map(({ url }) => url)).toEqual([
    'http://127.0.0.1:5000/log/public',
    'http://127.0.0.1:5000/log/private',
  ]);
  expect(logs.map(({ key }) => key.name)).toEqual([
    keys.public.verifierKey.name,
    keys.private.verifierKey.name,
  ]);
});

test.each([
  { lost: 'sealing.key', begun: 'private' },
  { lost: 'log-private.pem', begun: 'private' },
  { lost: 'log-public.pem', begun: 'public' },
])('a lost $lost stops the start once the $begun ledger has begun', async ({ lost, begun }) => {
  const { newest } = (await open()).sealing;
  await begin(begun);
  expect((await open()).sealing.newest).toEqual(newest);
  await rm(join(keysDirectory, lost));
  await expect(open()).rejects.toMatchObject({ code: 'KEY_MISSING' });
});

test('a public ledger that has begun before there were private ones does not stop the start', async () => {
  await begin('private-of-another');
  await open();
  await begin('public');
  await rm(join(keysDirectory, 'sealing.key'));
  await open();
});
