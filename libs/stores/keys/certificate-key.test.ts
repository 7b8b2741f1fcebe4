import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { findKeptDescriptor, keepDescriptor, openCertificateFile } from './index.ts';

let folder: string;
let made = 0;
const create = (): Promise<string> => Promise.resolve(`key ${(made += 1)}`);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dockchains-keys-'));
});

afterEach(() => rm(folder, { recursive: true }));

test("the certificate's key is made once, also by gateways that start together, for its owner alone", async () => {
  const opened = await Promise.all(
    Array.from({ length: 4 }, () => openCertificateFile(folder, { mayCreate: true, create })),
  );
  expect(new Set(opened).size).toBe(1);
  expect(await openCertificateFile(folder, { mayCreate: false, create })).toBe(opened[0]);
  expect((await stat(join(folder, 'openpgp.asc'))).mode & 0o777).toBe(0o600);
});

test("the certificate's key is never made anew once it has certified keys, and not read where others can", async () => {
  await expect(openCertificateFile(folder, { mayCreate: false, create })).rejects.toMatchObject({
    code: 'KEY_MISSING',
  });
  await openCertificateFile(folder, { mayCreate: true, create });
  await chmod(join(folder, 'openpgp.asc'), 0o640);
  await expect(openCertificateFile(folder, { mayCreate: true, create })).rejects.toMatchObject({
    code: 'BAD_MODE',
  });
});

test('the newest descriptor is kept', async () => {
  expect(await findKeptDescriptor(folder)).toBeUndefined();
  await keepDescriptor(folder, 'one');
  await keepDescriptor(folder, 'two');
  expect(await findKeptDescriptor(folder)).toBe('two');
});
