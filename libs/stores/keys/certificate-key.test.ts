import { chmod, copyFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import {
  findFormerCertificate,
  findKeptDescriptor,
  findRevokedKeys,
  keepDescriptor,
  openCertificateFile,
  revokeKey,
  rotateCertificate,
} from './index.ts';

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

test('a certificate is replaced, and the former one kept under its fingerprint', async () => {
  const rotate = () =>
    rotateCertificate(folder, { create, fingerprintOf: (text) => Promise.resolve(text.replace(' ', '')) });
  await expect(rotate()).rejects.toMatchObject({ code: 'KEY_MISSING' });
  const first = await openCertificateFile(folder, { mayCreate: true, create });
  // A replacement that broke off has kept what still acts.
  await copyFile(join(folder, 'openpgp.asc'), join(folder, `openpgp-${first.replace(' ', '')}.asc`));
  expect(await findFormerCertificate(folder, first.replace(' ', ''))).toBeUndefined();
  await rotate();
  const second = await openCertificateFile(folder, { mayCreate: false, create });
  expect(second).not.toBe(first);
  expect(await findFormerCertificate(folder, first.replace(' ', ''))).toBe(first);
  await rotate();
  expect(await findFormerCertificate(folder, second.replace(' ', ''))).toBe(second);
  expect((await stat(join(folder, `openpgp-${second.replace(' ', '')}.asc`))).mode & 0o777).toBe(0o600);
});

test('revoked keys are kept in the order in which they were revoked, each once', async () => {
  expect(await findRevokedKeys(folder)).toEqual([]);
  const [witness, log] = [
    { role: 'witness', key: 'acme.example/witness+1+A' },
    { role: 'log-public', key: 'x' },
  ];
  for (const one of [witness, log, witness]) await revokeKey(folder, one);
  expect(await findRevokedKeys(folder)).toEqual([witness, log]);
  await writeFile(join(folder, 'revoked-keys'), 'witness\n');
  await expect(findRevokedKeys(folder)).rejects.toMatchObject({ code: 'BAD_KEY' });
});
