import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { EventEmitter, once } from 'node:events';

import { type Database, migrate, openDatabase } from '@dockchains/database';
import {
  type CheckpointMessage,
  encodeServerAccounts,
  type LedgerPackage,
  type NatsAuthority,
  parseWitnessReply,
} from '@dockchains/messaging';
import { buildLog, createTestDatabase, startNats, type TestNats } from '@dockchains/testing';
import { encodeBundle, parseOrigin } from '@dockchains/tlog';
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Peer, Peers } from '../peers/peers.ts';
import { encodeCosigned } from '../replication/cosigned.ts';
import { peerOf } from '../testing/replicas.ts';
import { type Messages, openMessages } from './messages.ts';

const seedOf = (pair: KeyPair): string => new TextDecoder().decode(pair.getSeed());

/** One organisation: its own server, database and log of three entries, and what arrived from others. */
type Side = {
  readonly organisation: string;
  readonly messages: Messages;
  readonly peer: Peer;
  readonly peers: Peer[];
  readonly events: EventEmitter;
  readonly arrived: (LedgerPackage | CheckpointMessage)[];
  readonly accounts: string[];
  readonly nats: TestNats;
  readonly database: Database;
  changePeers(): void;
  /** Publishes the same head with another cosignature. */
  restate(): void;
  close(): Promise<void>;
};

const entries = ['one', 'two', 'three'].map((text) => Buffer.from(text));

async function openSide(organisation: string): Promise<Side> {
  const authority: NatsAuthority = {
    operator: seedOf(createOperator()),
    account: seedOf(createAccount()),
    system: seedOf(createAccount()),
  };
  const nats = await startNats(await encodeServerAccounts(organisation, authority, []));
  const testDatabase = await createTestDatabase();
  await migrate(testDatabase.url);
  const database = openDatabase(testDatabase.url);
  const [user, messageKey] = [createUser(), generateKeyPairSync('ed25519')];
  const log = await buildLog({
    organisation,
    privateKey: generateKeyPairSync('ed25519').privateKey,
    entries,
  });
  const origin = parseOrigin(`${organisation}/ledger/public`);
  const peers: Peer[] = [];
  const [events, arrived, accounts] = [new EventEmitter(), [] as Side['arrived'], [] as string[]];
  let note = Buffer.from(log.files.get('checkpoint') ?? []).toString();
  const ledger = {
    origin,
    announcedHead: () => Promise.resolve({ size: 3n, root: Buffer.alloc(32), note }),
    readBundle: () => Promise.resolve(Buffer.from(encodeBundle(entries))),
    publishedCheckpoint: () => Promise.resolve(note),
    addCosignatures: (size: bigint, lines: readonly string[]) => {
      events.emit('cosigned', size, lines);
      return Promise.resolve({ accepted: lines.length });
    },
  };
  const active = (): Peer[] => peers.filter(({ state }) => state === 'active');
  const messages = await openMessages({
    ...{
      database,
      authority,
      revokedUsers: [],
      natsUrl: nats.url,
      insecure: false,
      ledgers: { public: ledger, all: [ledger] },
    },
    signer: { organisation, key: messageKey.privateKey },
    user: { seed: seedOf(user), publicKey: user.getPublicKey() },
    peers: {
      list: () => Promise.resolve(active()),
      all: () => Promise.resolve(peers),
      find: (name) => Promise.resolve(active().find((peer) => peer.organisation === name)),
      refresh: () => Promise.resolve(),
      onChange: (listener) => {
        events.on('peers', listener);
        return () => events.off('peers', listener);
      },
    } satisfies Pick<Peers, 'list' | 'all' | 'find' | 'refresh' | 'onChange'>,
    writeAccounts: (text) => Promise.resolve(void accounts.push(text)),
    sink: {
      applyPackage: (_, sent) => {
        arrived.push(sent);
        events.emit('arrived');
        return Promise.resolve();
      },
      applyCheckpoint: (_, sent) => {
        arrived.push(sent);
        events.emit('arrived');
        return Promise.resolve();
      },
    },
    addCheckpoint: (body) =>
      Promise.resolve({ status: 409, contentType: 'text/x.tlog.size', body: Buffer.concat([body, body]) }),
    log: { warn: () => undefined, debug: () => undefined },
    // What a gateway answers at /federation/nats/<organisation>.
    fetch: async (input) => {
      const { hostname, pathname } = new URL(input instanceof Request ? input.url : input);
      const asked = sides.find((side) => side.organisation === hostname);
      const credential = await asked?.messages.findCredential(pathname.slice('/federation/nats/'.length));
      return new Response(credential ?? null, { status: credential === undefined ? 404 : 200 });
    },
  });
  const publicKey = (key: KeyObject): string =>
    Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
  const described = peerOf(organisation, `http://${organisation}`, log.verifierKey);
  const { keys, endpoints } = described.descriptor;
  const message = publicKey(messageKey.publicKey);
  return {
    ...{ organisation, messages, peers, events, arrived, accounts, nats, database },
    peer: {
      ...described,
      descriptor: {
        ...described.descriptor,
        keys: { ...keys, message, nats: user.getPublicKey() },
        endpoints: { ...endpoints, nats: nats.url },
      },
    },
    changePeers: () => void events.emit('peers'),
    restate() {
      note += `— other.example/witness ${Buffer.alloc(76).toString('base64')}\n`;
      messages.wake();
    },
    async close() {
      await messages.close();
      await Promise.all([nats.close(), database.close()]);
      await testDatabase.drop();
    },
  };
}

let sides: Side[] = [];
let acme: Side;
let globex: Side;

beforeEach(async () => {
  sides = [];
  acme = await openSide('acme.example');
  globex = await openSide('globex.example');
  sides.push(acme, globex);
});

afterEach(() => Promise.all(sides.map((side) => side.close())));

/** Makes each a peer of the other; resolves when what acme has sent has arrived at globex. */
async function makePeers(): Promise<void> {
  const arriving = untilArrived(globex, 2);
  acme.peers.push(globex.peer);
  acme.changePeers();
  globex.peers.push(acme.peer);
  globex.changePeers();
  await arriving;
}

async function untilArrived(side: Side, count: number): Promise<void> {
  while (side.arrived.length < count) await once(side.events, 'arrived');
}

test('entries and checkpoints arrive at a peer, and it is asked and answers', async () => {
  await makePeers();
  const origin = parseOrigin('acme.example/ledger/public');
  const note = expect.stringContaining(`${origin}\n3\n`) as string;
  expect(globex.arrived).toEqual([
    { origin, start: 0n, end: 3n, note, bundle: Buffer.from(encodeBundle(entries)) },
    { origin, note },
  ]);

  const reply = parseWitnessReply(await globex.messages.ask('acme.example', 'witness', Buffer.from('body')));
  expect({ ...reply, body: Buffer.from(reply.body).toString() }).toEqual({
    ...{ status: 409, contentType: 'text/x.tlog.size', body: 'bodybody' },
  });

  const cosigned = once(acme.events, 'cosigned');
  const line = `— globex.example/mirror ${Buffer.alloc(76).toString('base64')}\n`;
  const lines = { origin, size: 3n, lines: [line] };
  await globex.messages.ask('acme.example', 'cosigned', Buffer.from(encodeCosigned(lines)));
  expect(await cosigned).toEqual([3n, [line]]);
});

test('how far entries were sent is kept in the database', async () => {
  await makePeers();
  const [row] = await acme.database.query<{ size: bigint }>({
    ...{ name: 'test-read-sent', text: 'SELECT size FROM message_sent' },
  });
  expect(row?.size).toBe(3n);
});

test('a peer that was removed is cut off, gets no credential, and is kept out by a server that starts', async () => {
  await makePeers();
  await globex.messages.ask('acme.example', 'witness', Buffer.from('body'));
  acme.peers[0] = { ...globex.peer, state: 'removed' };
  const before = acme.accounts.length;
  acme.changePeers();
  await vi.waitUntil(() => globex.messages.status().peers.length === 0, { timeout: 60_000 });
  expect(await acme.messages.findCredential('globex.example')).toBeUndefined();
  expect(acme.accounts.length).toBeGreaterThan(before);
  await expect(globex.messages.ask('acme.example', 'witness', Buffer.from(''))).rejects.toMatchObject({
    code: 'UNREACHABLE',
  });
});

test('F7: a message that is not to be believed is buried, shown, and replayed once it is', async () => {
  await makePeers();
  // As acme's own user publishes it: the signature is globex's, so it says nothing of acme's log.
  const forged = { ...acme.peer, organisation: 'acme.example' };
  globex.peers[0] = {
    ...forged,
    descriptor: {
      ...forged.descriptor,
      keys: { ...forged.descriptor.keys, message: globex.peer.descriptor.keys.message },
    },
  };
  acme.restate();
  const letter = await vi.waitUntil(
    async () => (await globex.messages.listDeadLetters({ after: 0n, limit: 10 }))[0],
    { timeout: 60_000 },
  );
  expect(letter).toMatchObject({
    organisation: 'acme.example',
    subject: 'dockchains.v1.acme_example.checkpoint',
  });
  await expect(globex.messages.replayDeadLetter(letter.id)).rejects.toMatchObject({
    code: 'MESSAGE_REFUSED',
  });
  globex.peers[0] = acme.peer;
  expect(await globex.messages.replayDeadLetter(letter.id)).toMatchObject({ id: letter.id });
  expect(await globex.messages.dropDeadLetter(letter.id)).toBeUndefined();
});
