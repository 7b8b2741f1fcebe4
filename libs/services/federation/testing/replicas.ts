import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openFileTileStore, type TileStore } from '@dockchains/blobs';
import { type Database, migrate, openDatabase } from '@dockchains/database';
import { encodeRecord } from '@dockchains/records';
import { type BuiltLog, buildLog, createTestDatabase, tagSetRecord } from '@dockchains/testing';
import { createCosigner } from '@dockchains/tlog';
import { expect } from 'vitest';

import { type Evidence, openEvidence } from '../gossip/evidence.ts';
import { openUndecided, type Undecided } from '../gossip/undecided.ts';
import type { Peer } from '../peers/peers.ts';
import { openReplication, type Replication, type ReplicationDeps } from '../replication/replication.ts';
import { serveWeb, type Web } from './web.ts';

/** One organisation that replicates others, whose gateways are under the test's control. */
export type ReplicaFixture = {
  readonly database: Database;
  readonly tiles: TileStore;
  readonly evidence: Evidence;
  readonly undecided: Undecided;
  readonly peers: Peer[];
  /** Names our mirror. */
  readonly mirrorName: string;
  /** Starts a gateway that the test controls, and makes it a peer. */
  addPeer(organisation: string): Promise<TestPeer>;
  open(changes?: Partial<ReplicationDeps>): Promise<Replication>;
  end(): Promise<void>;
};

/** Another organisation: what it serves is what the test says. */
export type TestPeer = {
  readonly peer: Peer;
  readonly web: Web;
  /** Signs with the key of another one from now on, which is a gateway of the same organisation. */
  adopt(other: TestPeer): void;
  readonly key: () => KeyObject;
  /** Builds its log of so many entries and serves it; another `history` differs from entry 3 on. */
  serve(size: number, history?: string): Promise<BuiltLog>;
};

const MIRROR = 'initech.example/mirror';

/** Entries of a log, those of another history from the fourth on. */
export function entriesOf(organisation: string, size: number, history = 'true'): Uint8Array[] {
  return Array.from({ length: size }, (_, index) =>
    encodeRecord(tagSetRecord(index < 3 || history === 'true' ? index : index + 1_000_000, organisation)),
  );
}

/** Makes the fixture; `end` takes everything away again. */
export async function makeReplicas(): Promise<ReplicaFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-replica-'));
  const testDatabase = await createTestDatabase();
  await migrate(testDatabase.url);
  const database = openDatabase(testDatabase.url);
  const tiles = await openFileTileStore(folder);
  const clock = (): Date => new Date();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const evidence = openEvidence({ database, clock, log });
  const undecided = openUndecided({ database, clock, log });
  const mirror = createCosigner({ name: MIRROR, privateKey: generateKeyPairSync('ed25519').privateKey });
  const peers: Peer[] = [];
  const opened: Replication[] = [];
  const webs: Web[] = [];

  return {
    ...{ database, tiles, evidence, undecided, peers, mirrorName: MIRROR },
    async addPeer(organisation) {
      const web = await serveWeb();
      webs.push(web);
      let { privateKey } = generateKeyPairSync('ed25519');
      const { verifierKey } = await buildLog({ organisation, privateKey });
      const peer = peerOf(organisation, web.url, verifierKey);
      const ofPrivate = await buildLog({ organisation, privateKey, name: 'private', size: 0 });
      Object.assign(peer.descriptor.keys.logs, { private: ofPrivate.verifierKey });
      peers.push(peer);
      const serve = async (size: number, history?: string): Promise<BuiltLog> => {
        const built = await buildLog({
          ...{ organisation, privateKey, entries: entriesOf(organisation, size, history) },
        });
        web.files.clear();
        for (const [path, bytes] of built.files) web.files.set(`/log/public/${path}`, bytes);
        return built;
      };
      const adopt = (other: TestPeer): void => {
        privateKey = other.key();
        Object.assign(peer.descriptor.keys.logs, other.peer.descriptor.keys.logs);
      };
      return { peer, web, key: () => privateKey, serve, adopt };
    },
    async open(changes = {}) {
      const replication = await openReplication({
        ...{ database, tiles, evidence, mirror, clock, log, pollMs: 25 },
        peers: {
          list: () => Promise.resolve(peers),
          refresh: () => Promise.resolve(),
          onChange: () => () => undefined,
        },
        ...changes,
      });
      opened.push(replication);
      return replication;
    },
    async end() {
      await Promise.all(opened.map((replication) => replication.close()));
      await Promise.all(webs.map((web) => web.close()));
      await database.close();
      await testDatabase.drop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Waits until a replica's status is as wanted. */
export async function awaitStatus(
  replication: Replication,
  origin: string,
  wanted: Readonly<Record<string, unknown>>,
): Promise<void> {
  await expect
    .poll(async () => (await replication.status()).find((one) => one.origin === origin), { interval: 20 })
    .toMatchObject(wanted);
}

/** A peer whose descriptor has this log key; of other keys it has none. */
export function peerOf(organisation: string, url: string, logKey: string): Peer {
  return {
    ...{ organisation, url, fingerprint: 'A'.repeat(40), state: 'active' },
    ...{ mutual: true, addedAt: new Date(0), seenAt: new Date(0) },
    descriptor: {
      ...{ organisation, number: 1, previous: null, created: '2026-01-01T00:00:00.000Z' },
      ...{ certificate: 'AAAA', formerKeys: [] },
      keys: {
        logs: { public: logKey, private: logKey },
        ...{ witness: logKey, mirror: logKey, message: 'AAAA', nats: 'U', sealing: '00' },
        receipt: { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' },
      },
      endpoints: {
        registry: url,
        log: `${url}/log`,
        witness: `${url}/witness`,
        mirror: `${url}/mirror`,
        graphql: `${url}/graphql`,
        nats: null,
      },
    },
  };
}
