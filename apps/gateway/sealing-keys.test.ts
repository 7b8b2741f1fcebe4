import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sealingPanelId, sealingPublicKey } from '@dockchains/escrow';
import { rotateSealingKey } from '@dockchains/keys';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { type FolderSealingKeys, openFolderSealingKeys } from './sealing-keys.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-keys-'));
});
afterEach(() => rm(folder, { recursive: true }));

const open = (): Promise<FolderSealingKeys> => openFolderSealingKeys(folder, { mayCreate: true });
const publicOf = (key: Uint8Array): string => Buffer.from(sealingPublicKey(key)).toString('hex');
const panelOf = (key: Uint8Array): Uint8Array => sealingPanelId(sealingPublicKey(key));

test('a new key acts once the organisation is on record with it, and not before', async () => {
  const { newest: former } = await open();
  await rotateSealingKey(folder);
  const keys = await open();
  expect(keys.newest).not.toEqual(former);
  expect(await keys.current()).toEqual(former); // nobody can be asked yet
  keys.follow(() => Promise.resolve(publicOf(former)));
  expect(await keys.current()).toEqual(former);

  const later = await open();
  later.follow(() => Promise.resolve(publicOf(later.newest)));
  expect(await later.current()).toEqual(later.newest);
});

test('where nothing was ever certified the newest acts, and so does an only one', async () => {
  const first = await open();
  expect(await first.current()).toEqual(first.newest);
  await rotateSealingKey(folder);
  const keys = await open();
  keys.follow(() => Promise.resolve(undefined));
  expect(await keys.current()).toEqual(keys.newest);
});

test('of several that were never on record the one that is acts', async () => {
  const { newest: first } = await open();
  await rotateSealingKey(folder);
  await rotateSealingKey(folder);
  const keys = await open();
  keys.follow(() => Promise.resolve(publicOf(first)));
  expect(await keys.current()).toEqual(first);
});

test('a question that fails is asked again', async () => {
  await open();
  await rotateSealingKey(folder);
  const keys = await open();
  let asked = 0;
  keys.follow(() => {
    asked += 1;
    return asked === 1 ? Promise.reject(new Error('away')) : Promise.resolve(publicOf(keys.newest));
  });
  await expect(keys.current()).rejects.toThrow('away');
  expect(await keys.current()).toEqual(keys.newest);
});

test('a gateway that runs finds the key that another was started with, and seals to it from then on', async () => {
  const running = await open();
  const former = running.newest;
  running.follow(async () => publicOf((await open()).newest));
  expect(await running.current()).toEqual(former);
  await rotateSealingKey(folder);
  const { newest } = await open();
  expect(await running.current()).toEqual(former);
  expect(await running.find(panelOf(newest))).toEqual(newest);
  expect(await running.current()).toEqual(newest);
  expect(await running.find(panelOf(former))).toEqual(former);
  expect(await running.find(null)).toEqual(former);
  expect(await running.find(Buffer.alloc(32, 1))).toBeUndefined();
});
