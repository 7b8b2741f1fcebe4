import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { closeLedger } from '@dockchains/ledger';
import { createNoteSigner, encodeVerifierKey, parseOrigin } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { ReplicaStatus } from '../replication/replication.ts';
import { listClosedLedgers } from './closed-ledgers.ts';
import type { Peer } from './peers.ts';

const ACME = 'acme.example/ledger';
const GLOBEX = 'globex.example/ledger';
const AT = '2026-05-01T00:00:00.000Z';

let keysDirectory: string;
beforeEach(async () => {
  keysDirectory = await mkdtemp(join(tmpdir(), 'dockchains-closed-'));
});
afterEach(() => rm(keysDirectory, { recursive: true }));

const keyOf = (name: string): string => {
  const { privateKey } = generateKeyPairSync('ed25519');
  return encodeVerifierKey(createNoteSigner({ name: parseOrigin(name), privateKey }).verifierKey);
};

/** What there is where globex signs for these ledgers, and the first public one of them is held here. */
const list = (...[ofPublic, ofPrivate]: readonly [string, string]) => {
  const logs = { public: keyOf(ofPublic), private: keyOf(ofPrivate) };
  const peer = { organisation: 'globex.example', descriptor: { keys: { logs } } } as Peer;
  const replica = { origin: `${GLOBEX}/public`, held: 7n } as ReplicaStatus;
  return listClosedLedgers({
    ...{ organisation: 'acme.example', keysDirectory },
    peers: { list: () => Promise.resolve([peer]) },
    replication: { status: () => Promise.resolve([replica]) },
  });
};

test('there are none where each ledger is the first', async () => {
  expect(await list(`${GLOBEX}/public`, `${GLOBEX}/private`)).toEqual([]);
});

test('own ones are known with what was lost', async () => {
  await closeLedger(keysDirectory, {
    ...{ origin: `${ACME}/private`, successor: `${ACME}/private/2`, size: '9', kept: '4', at: AT },
  });
  expect(await list(`${GLOBEX}/public`, `${GLOBEX}/private`)).toEqual([
    {
      ...{ organisation: 'acme.example', origin: `${ACME}/private`, successor: `${ACME}/private/2` },
      ...{ loss: { size: 9n, kept: 4n, at: new Date(AT) }, held: undefined },
    },
  ]);
});

test('peers’ ones are known by the ledgers that they sign for, with what is held of them here', async () => {
  const globex = { organisation: 'globex.example', loss: undefined };
  expect(await list(`${GLOBEX}/public/3`, `${GLOBEX}/private/2`)).toEqual([
    { ...globex, origin: `${GLOBEX}/public`, successor: `${GLOBEX}/public/2`, held: 7n },
    { ...globex, origin: `${GLOBEX}/public/2`, successor: `${GLOBEX}/public/3`, held: undefined },
    { ...globex, origin: `${GLOBEX}/private`, successor: `${GLOBEX}/private/2`, held: undefined },
  ]);
});
