import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  buildImage,
  makePeers,
  type Recorder,
  startGateway,
  startNats,
  startRecorder,
  type TestGateway,
} from '@dockchains/testing';
import { parseNote } from '@dockchains/tlog';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { openSession, pushBlobs, putManifest } from '../registry-http.ts';
import { readSizes } from './leaks/collect.ts';
import { findLeaks, type Seen } from './leaks/search.ts';
import { type PrivateNames, type PrivateUse, usePrivately } from './leaks/use.ts';

const NAMES: PrivateNames = {
  namespace: 'silent-heron',
  repository: 'strongroom-8c1',
  tags: ['indigo-55tr', 'sepia-08pk'],
  account: 'wren-19@brook',
  robot: 'swift-42',
  content: 'the third key lies under the old weir',
};

const cleanup = new AsyncDisposableStack();
let use: PrivateUse;
let globex: TestGateway;
/** What stands before a gateway, and before its NATS server. */
type Ends = { readonly http: Recorder; readonly nats: Recorder };
let acmeEnds: Ends;
let globexEnds: Ends;

beforeAll(async () => {
  [acmeEnds, globexEnds] = [await openEnds(), await openEnds()];
  use = await usePrivately(NAMES, {
    env: envOf(acmeEnds),
    // Peers are there before anything private is.
    async onStarted(acme) {
      globex = await startGateway({ organisation: 'globex.example', env: envOf(globexEnds) });
      cleanup.defer(() => globex.close());
      await connectEnds(acme, acmeEnds);
      await connectEnds(globex, globexEnds);
      await makePeers(through(acme, acmeEnds), through(globex, globexEnds));
    },
  });
  cleanup.defer(() => use.close());
  await use.settle();
});
afterAll(() => cleanup.disposeAsync());

async function openEnds(): Promise<Ends> {
  const ends = { http: await startRecorder(), nats: await startRecorder() };
  cleanup.defer(() => ends.http.close());
  cleanup.defer(() => ends.nats.close());
  return ends;
}

function envOf({ http, nats }: Ends): Record<string, string> {
  return { DOCKCHAINS_PUBLIC_URL: `http://${http.host}`, DOCKCHAINS_NATS_URL: `nats://${nats.host}` };
}

async function connectEnds(gateway: TestGateway, { http, nats }: Ends): Promise<void> {
  http.passTo(gateway.host);
  const accounts = await readFile(join(gateway.dataDir, 'keys', 'nats-accounts.conf'), 'utf8');
  const server = await startNats(accounts);
  cleanup.defer(() => server.close());
  nats.passTo(new URL(server.url).host);
}

const through = (gateway: TestGateway, { http }: Ends): TestGateway => ({
  ...gateway,
  url: `http://${http.host}`,
});

/** Every byte that left acme for others: its answers, its requests, and what it and its peers have over NATS. */
const seen = (): readonly Seen[] => [
  { where: 'answers of acme’s gateway', bytes: acmeEnds.http.answered() },
  { where: 'requests to globex’s gateway', bytes: globexEnds.http.sent() },
  { where: 'acme’s NATS server, in', bytes: acmeEnds.nats.sent() },
  { where: 'acme’s NATS server, out', bytes: acmeEnds.nats.answered() },
  { where: 'globex’s NATS server, in', bytes: globexEnds.nats.sent() },
];

/** The size of acme's private ledger that globex has cosigned. */
async function witnessedSize(): Promise<number> {
  const origin = createHash('sha256').update('acme.example/ledger/private').digest('hex');
  const answer = await fetch(`${globex.url}/witness/${origin}/checkpoint`);
  return answer.ok ? Number(parseNote(await answer.text()).text.split('\n')[1]) : 0;
}

test('peers cosign the private ledger, and nothing that leaves for them has a name, digest or content of it', async () => {
  const { private: size } = await readSizes(use.gateway);
  expect(size).toBeGreaterThan(5);
  await expect.poll(witnessedSize).toBe(size);
  for (const { where, bytes } of seen()) expect([where, bytes.length > 100]).toEqual([where, true]);
  const all = Buffer.concat(seen().map(({ bytes }) => bytes));
  expect(all.includes('acme.example/ledger/private')).toBe(true);
  expect(findLeaks(seen(), use.secrets)).toEqual([]);
});

test('a private tag’s name as a public tag is found on its way', async () => {
  const session = await openSession(use.gateway, 'public/app');
  const image = buildImage();
  await pushBlobs(session, image);
  expect((await putManifest(session, NAMES.tags[0], image)).status).toBe(201);
  await expect
    .poll(() => findLeaks(seen(), use.secrets).map((leak) => leak.slice(0, leak.indexOf(':'))))
    .toEqual(expect.arrayContaining(['acme’s NATS server, in', 'acme’s NATS server, out']));
});
