import { rename } from 'node:fs/promises';
import { join } from 'node:path';

import { getOrganisation } from '@dockchains/client';
import { parseRecord } from '@dockchains/records';
import { runGateway, startGateway, type TestGateway } from '@dockchains/testing';
import { openCheckpoint, parseBundle, parseVerifierKey } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Workplace } from '../../apps/cli/test-io.ts';
import { openWorkplace, signIn } from '../workplace.ts';

const cleanup = new AsyncDisposableStack();
let acme: TestGateway;
let globex: TestGateway;
let place: Workplace;

beforeAll(async () => {
  [acme, globex] = await Promise.all([startGateway(), startGateway({ organisation: 'globex.example' })]);
  cleanup.defer(() => globex.close());
  cleanup.defer(() => acme.close());
  place = await openWorkplace(acme, globex);
  cleanup.defer(() => place.remove());
});
afterAll(() => cleanup.disposeAsync());

const fingerprintOf = async ({ url }: TestGateway): Promise<string> =>
  (await getOrganisation(fetch, url)).fingerprint;

const peer = async (at: TestGateway, ...words: readonly string[]) => {
  const { exitCode, stdout } = await place.run('peer', ...words, '--registry', at.organisation, '--json');
  return { exitCode, json: JSON.parse(stdout) as unknown };
};

test('two organisations add each other, and both see it', async () => {
  const added = await peer(acme, 'add', globex.url, '--fingerprint', await fingerprintOf(globex));
  expect(added).toMatchObject({ exitCode: 0, json: { organisation: 'globex.example', state: 'WAITING' } });
  const waiting = await place.run('peer', 'show', 'globex.example', '--registry', 'acme.example');
  expect(waiting.stdout).toContain('waiting for globex.example to add us');

  const answered = await peer(globex, 'add', `${acme.url}/`, '--fingerprint', await fingerprintOf(acme));
  expect(answered).toMatchObject({ exitCode: 0, json: { organisation: 'acme.example', state: 'MUTUAL' } });
  await expect
    .poll(() => peer(acme, 'list'), { interval: 200 })
    .toMatchObject({
      json: { peers: [{ organisation: 'globex.example', state: 'MUTUAL', url: globex.url }] },
    });
});

test('nothing is added under a fingerprint that is another, and nobody is its own peer', async () => {
  const add = async (url: string, fingerprint: string) =>
    (await peer(acme, 'add', url, '-f', fingerprint)).exitCode;
  expect(await add(globex.url, 'AB'.repeat(20))).not.toBe(0);
  expect(await add(globex.url, 'no fingerprint')).not.toBe(0);
  expect(await add(acme.url, await fingerprintOf(acme))).not.toBe(0);
  expect(await add('file:///etc/passwd', await fingerprintOf(globex))).not.toBe(0);
  expect(await peer(acme, 'list')).toMatchObject({ json: { peers: [{ organisation: 'globex.example' }] } });
});

test('only operators add and remove', async () => {
  await signIn(place, acme, acme.publisher);
  expect(await peer(acme, 'remove', 'globex.example')).toMatchObject({ exitCode: 4 });
  expect((await peer(acme, 'add', globex.url, '-f', await fingerprintOf(globex))).exitCode).toBe(4);
  await signIn(place, acme, acme.operator);
});

test('a key that is replaced is certified by the next descriptor, recorded, and followed by the peers', async () => {
  const before = (await getOrganisation(fetch, globex.url)).descriptor;
  await rotate(globex, 'witness');

  const after = (await getOrganisation(fetch, globex.url)).descriptor;
  expect(after).toMatchObject({ number: before.number + 1, certificate: before.certificate });
  expect(after.keys).toEqual({ ...before.keys, witness: after.keys.witness });
  expect(after.formerKeys).toEqual([{ role: 'witness', key: before.keys.witness, state: 'replaced' }]);
  const kept = await fetch(`${globex.url}/.well-known/dockchains/organisation/${before.number}.json`);
  expect(kept.status).toBe(200);

  const facts = { role: 'witness', number: after.number, organisation: 'globex.example' };
  await expect
    .poll(() => readRecords(globex, 2), { interval: 100 })
    .toMatchObject([
      { ...facts, kind: 'key-added', key: after.keys.witness },
      { ...facts, kind: 'key-revoked', key: before.keys.witness, state: 'replaced' },
    ]);

  // The same one again, whose newest descriptor is fetched at once.
  const again = await peer(acme, 'add', globex.url, '-f', await fingerprintOf(globex));
  expect(again).toMatchObject({ json: { descriptorNumber: after.number, state: 'MUTUAL' } });
});

test("a log's key is replaced without a gap: its notes bear both, until the former is put away", async () => {
  const before = await getOrganisation(fetch, globex.url);
  await rotate(globex, 'log-public', 'log-private', 'openpgp', 'sealing');
  const after = await getOrganisation(fetch, globex.url);
  expect(after.fingerprint).not.toBe(before.fingerprint);
  expect(after.descriptor.formerKeys).toEqual([
    { role: 'log-public', key: before.descriptor.keys.logs.public, state: 'replaced' },
    { role: 'log-private', key: before.descriptor.keys.logs.private, state: 'replaced' },
    { role: 'sealing', key: before.descriptor.keys.sealing, state: 'replaced' },
    { role: 'openpgp', key: before.fingerprint, state: 'replaced' },
    { role: 'witness', key: expect.any(String) as unknown, state: 'replaced' },
  ]);
  const signersOf = async (name: 'public' | 'private') => {
    const note = await (await fetch(`${globex.url}/log/${name}/checkpoint`)).text();
    return [before, after].filter(({ descriptor }) => {
      try {
        return openCheckpoint(note, parseVerifierKey(descriptor.keys.logs[name])).checkpoint.size > 0n;
      } catch {
        return false;
      }
    }).length;
  };
  for (const name of ['public', 'private'] as const) {
    await expect.poll(() => signersOf(name), { interval: 100 }).toBe(2);
  }
  // Who pinned the former keys, and the certificate, goes on.
  await signIn(place, globex, globex.operator);

  await globex.stop();
  for (const role of ['log-public', 'log-private']) {
    await rename(join(globex.dataDir, `keys/${role}.former.pem`), join(globex.dataDir, `${role}.old`));
  }
  await runGateway(globex, 'revoke-key', 'log-public');
  await globex.restart();
  const revoked = await getOrganisation(fetch, globex.url);
  expect(revoked.descriptor).toMatchObject({
    number: after.descriptor.number + 1,
    keys: after.descriptor.keys,
  });
  expect(revoked.descriptor.formerKeys.map(({ state }) => state)).toEqual([
    ...['revoked', 'replaced', 'replaced', 'replaced', 'replaced'],
  ]);
  await expect
    .poll(() => readRecords(globex, 11), { interval: 100 })
    .toContainEqual(
      expect.objectContaining({
        ...{ kind: 'key-revoked', role: 'log-public', key: before.descriptor.keys.logs.public },
        ...{ state: 'revoked', number: revoked.descriptor.number },
      }),
    );
  // The pinned certificate leads to the one that replaced it.
  expect(await peer(acme, 'add', globex.url, '-f', before.fingerprint)).toMatchObject({
    json: { descriptorNumber: revoked.descriptor.number, fingerprint: after.fingerprint, state: 'MUTUAL' },
  });
});

test('a peer leaves, is remembered, and may come back', async () => {
  expect(await peer(acme, 'remove', 'globex.example')).toMatchObject({
    exitCode: 0,
    json: { state: 'REMOVED' },
  });
  expect(await peer(acme, 'list')).toMatchObject({ json: { peers: [] } });
  expect(await peer(acme, 'list', '--removed')).toMatchObject({
    json: { peers: [{ organisation: 'globex.example', state: 'REMOVED' }] },
  });
  expect((await peer(acme, 'remove', 'globex.example')).exitCode).not.toBe(0);
  const back = await peer(acme, 'add', globex.url, '-f', await fingerprintOf(globex));
  expect(back).toMatchObject({ json: { organisation: 'globex.example', state: 'MUTUAL' } });
});

/** Stops a gateway, replaces a key as its operator does, and starts it again. */
async function rotate(gateway: TestGateway, ...roles: readonly string[]): Promise<void> {
  await gateway.stop();
  await runGateway(gateway, 'rotate-key', ...roles);
  await gateway.restart();
}

async function readRecords({ url }: TestGateway, count: number): Promise<readonly unknown[]> {
  const response = await fetch(`${url}/log/public/tile/entries/000.p/${count}`);
  if (!response.ok) return [];
  const entries = parseBundle(new Uint8Array(await response.arrayBuffer()), count);
  return [...entries].map((entry) => parseRecord(entry));
}
