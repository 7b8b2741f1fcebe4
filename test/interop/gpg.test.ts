import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { getOrganisation } from '@dockchains/client';
import { startGateway, type TestGateway } from '@dockchains/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { findMissing, runProgram, saySkipped } from './programs.ts';

type SignedEnvelope = { payloadType: string; payload: string; signatures: { sig: string }[] };

describe.skipIf(saySkipped('gpg', findMissing('gpg', 'gpgv')))('gpg', () => {
  const cleanup = new AsyncDisposableStack();
  let gateway: TestGateway;
  let folder: string;
  let fingerprint: string;
  let signed: Buffer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dockchains-gpg-'));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    gateway = await startGateway();
    cleanup.defer(() => gateway.close());
    ({ fingerprint } = await getOrganisation(fetch, gateway.url));

    const response = await fetch(`${gateway.url}/.well-known/dockchains/organisation.json`);
    const { payloadType, payload, signatures } = (await response.json()) as SignedEnvelope;
    const bytes = Buffer.from(payload, 'base64');
    const head = `DSSEv1 ${payloadType.length} ${payloadType} ${bytes.length} `;
    signed = Buffer.concat([Buffer.from(head), bytes]);
    const { certificate } = JSON.parse(bytes.toString()) as { certificate: string };
    await writeFile(join(folder, 'signed.sig'), Buffer.from(signatures[0]?.sig ?? '', 'base64'));
    await writeFile(join(folder, 'certificate.gpg'), Buffer.from(certificate, 'base64'));
  });
  afterAll(() => cleanup.disposeAsync());

  const verify = async (bytes: Uint8Array): Promise<string> => {
    await writeFile(join(folder, 'signed'), bytes);
    const files = [join(folder, 'signed.sig'), join(folder, 'signed')];
    const keyring = ['--keyring', join(folder, 'certificate.gpg')];
    return runProgram('gpgv', ['--status-fd', '1', ...keyring, ...files]);
  };

  test('imports the certificate, and prints the fingerprint that the gateway shows', async () => {
    const options = ['--homedir', folder, '--batch', '--no-autostart'];
    await runProgram('gpg', [...options, '--import', join(folder, 'certificate.gpg')]);
    const printed = await runProgram('gpg', [...options, '--with-colons', '--list-keys']);
    expect(printed).toContain(`fpr:::::::::${fingerprint}:`);
    expect(printed).toMatch(/^uid:.*:acme\.example:/m);
  });

  test("verifies the descriptor's signature, and not over other bytes", async () => {
    expect(await verify(signed)).toContain(`VALIDSIG ${fingerprint}`);
    const other = Buffer.from(signed.toString().replace('"number":1', '"number":2'));
    await expect(verify(other)).rejects.toThrow('BADSIG');
  });
});
