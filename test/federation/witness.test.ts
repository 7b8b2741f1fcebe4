import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { addPeer, getOrganisation, openSession, type Session } from '@dockchains/client';
import { hashOrigin } from '@dockchains/federation';
import { buildImage, startGateway, type TestGateway } from '@dockchains/testing';
import { checkPolicy, parseNote, parseOrigin, parsePolicy, type Witnessed } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { pushImage } from '../registry-http.ts';

const ORIGIN = 'acme.example/ledger/public';
const cleanup = new AsyncDisposableStack();
let acme: TestGateway;
let globex: TestGateway;

beforeAll(async () => {
  [acme, globex] = await Promise.all([startGateway(), startGateway({ organisation: 'globex.example' })]);
  cleanup.defer(() => globex.close());
  cleanup.defer(() => acme.close());
});
afterAll(() => cleanup.disposeAsync());

const sessionOf = ({ url, operator }: TestGateway): Session =>
  openSession({ fetch: globalThis.fetch, url, credentials: operator });

const add = async (at: TestGateway, other: TestGateway): Promise<void> => {
  const { fingerprint } = await getOrganisation(fetch, other.url);
  await addPeer(sessionOf(at), { url: other.url, fingerprint });
};

const push = (tag: string): Promise<void> =>
  pushImage(acme, { repository: 'public/app', tag }, buildImage({ layers: [] }));

const sizeOf = (note: string): number => Number(note.split('\n')[1]);

const readText = async (url: string): Promise<string> => (await fetch(url)).text();

/** Who of acme's own trust.policy cosigned what everybody sees of its public ledger. */
const witnessesOf = async (): Promise<readonly Witnessed[]> => {
  const policy = parsePolicy(await readFile(join(acme.dataDir, 'keys/trust.policy')));
  const note = parseNote(await readText(`${acme.url}/log/public/checkpoint`));
  try {
    return checkPolicy(note, policy, parseOrigin(ORIGIN)).witnesses;
  } catch {
    return [];
  }
};

test('a peer that was added on both sides cosigns what is published, and a head waits while it is away', async () => {
  await add(acme, globex);
  await add(globex, acme);
  await expect
    .poll(async () => (await witnessesOf()).map(({ name }) => name), { interval: 100 })
    .toContain('globex.example/witness');
  await expect
    .poll(() => readFile(join(acme.dataDir, 'keys/trust.policy'), 'utf8'))
    .toMatch(/^quorum peer-witnesses$/m);
  const witnessed = await readText(`${globex.url}/witness/${hashOrigin(ORIGIN)}/checkpoint`);
  expect(witnessed).toContain('globex.example/witness');

  await globex.stop();
  const before = await readText(`${acme.url}/log/public/checkpoint`);
  await push('1.0');
  await expect
    .poll(async () => sizeOf(await readText(`${acme.url}/log/public/signed`)))
    .toBeGreaterThan(sizeOf(before));
  expect(sizeOf(await readText(`${acme.url}/log/public/checkpoint`))).toBe(sizeOf(before));
  await globex.restart();
  await expect
    .poll(async () => sizeOf(await readText(`${acme.url}/log/public/checkpoint`)))
    .toBeGreaterThan(sizeOf(before));
  expect((await witnessesOf()).map(({ name }) => name)).toContain('globex.example/witness');
  expect(await readText(`${acme.url}/metrics`)).toMatch(
    /^dockchains_publication_wait_seconds_count\{ledger="public"\} [1-9]/m,
  );
});

test('a body that is malformed is answered 400 by the route, however long it is', async () => {
  for (const body of ['', 'old 0\n', 'x'.repeat(100_000)]) {
    const answer = await fetch(`${globex.url}/witness/add-checkpoint`, { method: 'POST', body });
    expect(answer.status).toBe(400);
  }
  expect((await fetch(`${globex.url}/witness/${'0'.repeat(64)}/checkpoint`)).status).toBe(404);
});
