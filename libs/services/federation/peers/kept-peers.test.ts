import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Database, openDatabase } from '@dockchains/database';
import {
  createCertificateKey,
  type Descriptor,
  openCertificateKey,
  signDescriptor,
} from '@dockchains/identity';
import { findKeptPeers, keepPeers } from '@dockchains/keys';
import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import { createCosigner, createNoteSigner, encodeVerifierKey } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { peerOf } from '../testing/replicas.ts';
import { createPeers } from './create-peers.ts';
import { fetchDescriptor } from './fetch-peer.ts';
import { keepPeersBesideKeys, restorePeers } from './kept-peers.ts';
import { readActivePeers } from './peer-rows.ts';

const PEER = 'globex.example';
const clock = (): Date => new Date();
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

let keysDirectory: string;
let lost: TestDatabase;
let database: Database;

beforeEach(async () => {
  keysDirectory = await mkdtemp(join(tmpdir(), 'dockchains-kept-peers-'));
  lost = await createTestDatabase();
  database = openDatabase(lost.url);
});
afterEach(async () => {
  await database.close();
  await lost.drop();
  await rm(keysDirectory, { recursive: true });
});

/** What a peer's gateway would say of it, signed, as it is kept. */
const makeKept = async (endpoints: Partial<Descriptor['endpoints']> = {}): Promise<string> => {
  const certificate = await openCertificateKey(
    await createCertificateKey(PEER, new Date(Date.now() - 1_000)),
  );
  const logKey = (name: string): string =>
    encodeVerifierKey(createNoteSigner({ name, ...generateKeyPairSync('ed25519') }).verifierKey);
  const cosigner = (name: string): string =>
    encodeVerifierKey(createCosigner({ name, ...generateKeyPairSync('ed25519') }).verifierKey);
  const { descriptor } = peerOf(PEER, 'http://127.0.0.1:1', logKey(PEER));
  const envelope = await signDescriptor(
    {
      ...descriptor,
      created: new Date().toISOString(),
      certificate: certificate.certificate,
      keys: {
        logs: { public: logKey(`${PEER}/ledger/public`), private: logKey(`${PEER}/ledger/private`) },
        witness: cosigner(`${PEER}/witness`),
        mirror: cosigner(`${PEER}/mirror`),
        message: randomBytes(32).toString('base64'),
        nats: 'UDFCFC5KVDSLUDHCCR5EVQ7AQN6OEIVWPY5R22T5C2LYNSD6NMZWUBCY',
        receipt: { kty: 'OKP', crv: 'Ed25519', x: randomBytes(32).toString('base64url') },
        sealing: randomBytes(32).toString('hex'),
      },
      endpoints: { ...descriptor.endpoints, registry: '127.0.0.1:1', ...endpoints },
    },
    [certificate],
  );
  const { fingerprint } = certificate;
  const peer = { url: 'http://127.0.0.1:1', fingerprint, mutual: true, envelope };
  return `${JSON.stringify({ version: 1, peers: [peer] })}\n`;
};

test('peers that were kept beside the keys come back into a database that knows none, once', async () => {
  expect(await restorePeers({ database, keysDirectory, clock })).toEqual([]);
  const kept = await makeKept();
  await keepPeers(keysDirectory, kept);
  expect(await restorePeers({ database, keysDirectory, clock })).toEqual([PEER]);
  expect((await readActivePeers(database)).map(({ organisation }) => organisation)).toEqual([PEER]);
  expect(await restorePeers({ database, keysDirectory, clock })).toEqual([]);
});

test('what the database knows of peers is kept beside the keys', async () => {
  const kept = await makeKept();
  await keepPeers(keysDirectory, kept);
  await restorePeers({ database, keysDirectory, clock });
  await rm(join(keysDirectory, 'peers.json'));
  const peers = { onChange: () => () => undefined };
  await keepPeersBesideKeys({ database, keysDirectory, peers, log })();
  expect(await findKeptPeers(keysDirectory)).toBe(kept);
});

test('a file that is none stops the start', async () => {
  for (const text of ['{', '{"version":2,"peers":[]}']) {
    await keepPeers(keysDirectory, text);
    await expect(restorePeers({ database, keysDirectory, clock })).rejects.toMatchObject({ code: 'BAD_KEY' });
  }
});

test('whoever signs by keys that nobody knows does not make us ask a peer each time', async () => {
  await keepPeers(keysDirectory, await makeKept());
  await restorePeers({ database, keysDirectory, clock });
  const asked: string[] = [];
  const peers = createPeers({
    ...{ database, organisation: 'acme.example', clock, log, insecure: false },
    own: { get: unused, find: unused, findNewest: unused, renew: unused },
    fetch: (input) => {
      asked.push(input instanceof Request ? input.url : input.toString());
      return Promise.resolve(new Response(null, { status: 404 }));
    },
  });
  await Promise.all(Array.from({ length: 20 }, () => peers.refresh(PEER)));
  await peers.refresh(PEER);
  await peers.refresh('stranger.example');
  await peers.close();
  expect(asked).toEqual(['http://127.0.0.1:1/.well-known/dockchains/organisation.json']);
});

const unused = (): Promise<never> => Promise.reject(new Error('unused'));

const REMOTE = {
  ...{ registry: 'registry.globex.example', log: 'https://registry.globex.example/log' },
  witness: 'https://registry.globex.example/witness',
  mirror: 'https://registry.globex.example/mirror',
  graphql: 'https://registry.globex.example/graphql',
  nats: 'tls://nats.globex.example:4222',
};

/** Believes a peer on this machine or elsewhere that names these addresses, on a network that is trusted or not. */
const believe = async (
  url: string,
  endpoints: Partial<Descriptor['endpoints']>,
  insecure = false,
): Promise<unknown> => {
  const [peer] = (
    JSON.parse(await makeKept(endpoints)) as { peers: { fingerprint: string; envelope: string }[] }
  ).peers;
  if (peer === undefined) throw new Error('There is one.');
  const { fingerprint, envelope } = peer;
  return fetchDescriptor({
    ...{ url, fingerprint, insecure, fetch: () => Promise.resolve(new Response(envelope)) },
  });
};

test.each([
  ['this machine by NATS', { nats: 'nats://127.0.0.1:4222' }],
  ['this machine by another name of it', { nats: 'tls://0x7f000001:4222' }],
  ['this machine by no address', { log: 'https://0.0.0.0:5432' }],
  ['the network beside this machine', { witness: 'https://169.254.169.254/latest' }],
  ['a private network', { mirror: 'https://[::ffff:10.0.0.1]' }],
])('a peer elsewhere that names %s as its own is not believed, on no network', async (_, endpoints) => {
  for (const insecure of [false, true]) {
    await expect(
      believe('https://registry.globex.example', { ...REMOTE, ...endpoints }, insecure),
    ).rejects.toMatchObject({ code: 'PEER_REFUSED' });
  }
});

test.each([
  ['https://registry.globex.example', REMOTE],
  ['https://10.1.2.3', { ...REMOTE, nats: 'tls://10.1.2.4:4222' }],
  ['http://127.0.0.1:1', { nats: 'nats://127.0.0.1:4222' }],
])('a peer at %s that names addresses of its own kind is believed', async (url, endpoints) => {
  expect(await believe(url, endpoints)).toMatchObject({ known: { descriptor: { organisation: PEER } } });
});
