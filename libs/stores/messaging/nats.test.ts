import { generateKeyPairSync } from 'node:crypto';
import { EventEmitter, once } from 'node:events';

import { startNats, type TestNats } from '@dockchains/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys';
import { afterEach, beforeEach, expect, test } from 'vitest';

import {
  checkpointSubject,
  type Connection,
  consume,
  type Delivery,
  encodeServerAccounts,
  ensureAnnouncements,
  issueOwnCredential,
  issuePeerCredential,
  ledgerSubject,
  openConnection,
  pushAccount,
  questionSubject,
  sealEnvelope,
} from './index.ts';

const ACME = 'acme.example';
const PEERS = ['globex.example', 'initech.example'];
const STREAM = 'DC_acme_example_PUBLIC';
const seedOf = (pair: KeyPair): string => new TextDecoder().decode(pair.getSeed());
const key = generateKeyPairSync('ed25519').privateKey;
const authority = {
  operator: seedOf(createOperator()),
  account: seedOf(createAccount()),
  system: seedOf(createAccount()),
};
const own = createUser();
const globex = createUser();
const seal = (text: string) =>
  sealEnvelope({ organisation: ACME, key }, 'application/vnd.dockchains.checkpoint', Buffer.from(text));

let server: TestNats;
let acme: Connection;

const connectOwn = async (): Promise<Connection> =>
  openConnection({
    ...{ url: server.url, organisation: ACME, seed: seedOf(own) },
    credential: await issueOwnCredential(authority, own.getPublicKey()),
  });
const connectPeer = async (): Promise<Connection> =>
  openConnection({
    ...{ url: server.url, organisation: 'globex.example', seed: seedOf(globex) },
    credential: await issuePeerCredential(authority, {
      ...{ organisation: ACME, peer: 'globex.example', user: globex.getPublicKey() },
    }),
  });
const publish = (text: string, id = text): Promise<void> =>
  acme.publish(checkpointSubject(ACME), seal(text), id);

/** Takes messages until `isEnough`; those that `refuse` names are thrown. */
async function take(
  connection: Connection,
  isEnough: (taken: readonly string[], buried: readonly string[]) => boolean,
  refuse: (text: string) => boolean = () => false,
): Promise<{ taken: string[]; buried: string[] }> {
  const [taken, buried]: [string[], string[]] = [[], []];
  const enough = new EventEmitter();
  const done = once(enough, 'done');
  const textOf = ({ payload }: Delivery): string => Buffer.from(payload).toString();
  const add = (list: string[], text: string): Promise<void> => {
    list.push(text);
    if (isEnough(taken, buried)) enough.emit('done');
    return Promise.resolve();
  };
  const following = consume(connection, {
    ...{ peer: ACME, organisation: 'globex.example' },
    handle: (delivery) =>
      refuse(textOf(delivery))
        ? Promise.reject(new Error('refused'))
        : add(taken, textOf(delivery)).then(() => ({ durable: Promise.resolve() })),
    isRefusal: () => true,
    bury: (delivery) => add(buried, textOf(delivery)),
  });
  await Promise.race([done, following]);
  return { taken, buried };
}

beforeEach(async () => {
  server = await startNats(await encodeServerAccounts(ACME, authority, []));
  acme = await connectOwn();
  await ensureAnnouncements(acme, { organisation: ACME, peers: PEERS });
});

afterEach(async () => {
  await acme.close();
  await server.close();
});

test('a peer takes what was published before and after it came, in order', async () => {
  await publish('1');
  const peer = await connectPeer();
  const taking = take(peer, (taken) => taken.length === 2);
  await publish('2');
  expect(await taking).toMatchObject({ taken: ['1', '2'] });
  await peer.close();
});

test('F1: what is published again under its id is sent once, within the window', async () => {
  for (const id of ['a', 'a', 'b']) await publish(id);
  const peer = await connectPeer();
  expect(await take(peer, (taken) => taken.includes('b'))).toMatchObject({ taken: ['a', 'b'] });
  await peer.close();
});

test('F2: a message that could not be handled comes again behind later ones', async () => {
  for (const text of ['1', '2']) await publish(text);
  const peer = await connectPeer();
  const failed = new Set<string>();
  const isFirstOf1 = (text: string): boolean => text === '1' && failed.size < failed.add(text).size;
  expect(await take(peer, (taken) => taken.length === 2, isFirstOf1)).toMatchObject({ taken: ['2', '1'] });
  await peer.close();
});

test('F3: after a purge a peer takes what comes then', async () => {
  await publish('lost');
  await (await jetstreamManager(acme.nats)).streams.purge(STREAM);
  await publish('kept');
  const peer = await connectPeer();
  expect(await take(peer, (taken) => taken.length === 1)).toMatchObject({ taken: ['kept'] });
  await peer.close();
});

test('F4: what is published again keeps its place in the stream', async () => {
  await publish('a');
  const stream = jetstream(acme.nats);
  const again = await stream.publish(checkpointSubject(ACME), Buffer.from('a'), { msgID: 'a' });
  expect(again).toMatchObject({ duplicate: true, seq: 1 });
});

test('F7: what fails five times is buried, and what comes behind it is not held up', async () => {
  for (const text of ['poison', 'good']) await publish(text);
  const peer = await connectPeer();
  const isPoison = (text: string): boolean => text === 'poison';
  expect(await take(peer, (_, buried) => buried.length === 1, isPoison)).toEqual({
    ...{ taken: ['good'], buried: ['poison'] },
  });
  await peer.close();
});

test('while our own stores are away messages wait, in order, and none is given up on', async () => {
  for (const text of ['1', '2']) await publish(text);
  const peer = await connectPeer();
  const [tried, buried]: [string[], string[]] = [[], []];
  const done = Promise.withResolvers<undefined>();
  const isAway = (): boolean => tried.length < 3;
  void consume(peer, {
    ...{ peer: ACME, organisation: 'globex.example' },
    handle: ({ payload }) => {
      tried.push(Buffer.from(payload).toString());
      if (isAway()) return Promise.reject(new Error('no database'));
      if (tried.at(-1) === '2') done.resolve(undefined);
      return Promise.resolve({ durable: Promise.resolve() });
    },
    isRefusal: () => false,
    bury: ({ payload }) => Promise.resolve(void buried.push(Buffer.from(payload).toString())),
  });
  await done.promise;
  expect({ tried, buried }).toEqual({ tried: ['1', '1', '1', '2'], buried: [] });
  await peer.close();
});

test('F10: after kill -9 of the server a peer goes on where it was', async () => {
  await publish('1');
  const before = await connectPeer();
  await take(before, (taken) => taken.length === 1);
  await before.nats.flush();
  await server.kill9();
  await Promise.all([acme.closed, before.closed]);
  await expect(publish('2')).rejects.toMatchObject({ code: 'UNREACHABLE' });
  await server.start();
  acme = await connectOwn();
  await ensureAnnouncements(acme, { organisation: ACME, peers: PEERS });
  await publish('2');
  const after = await connectPeer();
  expect(await take(after, (taken) => taken.includes('2'))).toMatchObject({ buried: [] });
  await after.close();
});

test('a peer asks, and is told when it is refused or when nobody answers', async () => {
  const peer = await connectPeer();
  const ask = (text: string) => peer.request(questionSubject(ACME, 'witness'), seal(text), 30_000);
  await expect(ask('early')).rejects.toMatchObject({ code: 'UNREACHABLE' });
  acme.respond(questionSubject(ACME, 'witness'), ({ payload }) =>
    Buffer.from(payload).toString() === 'bad'
      ? Promise.reject(new Error('no'))
      : Promise.resolve(Buffer.from(`${Buffer.from(payload).toString()}!`)),
  );
  await acme.nats.flush();
  expect(Buffer.from(await ask('good')).toString()).toBe('good!');
  await expect(ask('bad')).rejects.toMatchObject({ code: 'REFUSED' });
  await peer.close();
});

test('F9: a peer may do nothing but what it is there for', async () => {
  await publish('1');
  const peer = await connectPeer();
  const manager = await jetstreamManager(peer.nats, { checkAPI: false, timeout: 30_000 });
  const attempts = {
    publish: () => peer.publish(checkpointSubject(ACME), seal('evil'), 'evil'),
    'publish entries': () => peer.publish(ledgerSubject(ACME, 'public'), seal('evil'), 'evil'),
    'delete the stream': () => manager.streams.delete(STREAM),
    'purge the stream': () => manager.streams.purge(STREAM),
    'read the stream by sequence': () => manager.streams.getMessage(STREAM, { seq: 1 }),
    'see another consumer': () => manager.consumers.info(STREAM, 'initech_example'),
    'make a consumer': () => manager.consumers.add(STREAM, { durable_name: 'another' }),
    'make a stream': () => manager.streams.add({ name: 'another', subjects: ['another'] }),
    'take from another consumer': () =>
      peer.nats.request(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.initech_example`, '1', { timeout: 30_000 }),
    'ask a system subject': () => peer.nats.request('$SYS.REQ.SERVER.PING', '', { timeout: 30_000 }),
    'listen to everything': () => listen(peer, '>'),
    'listen to questions': () => listen(peer, questionSubject(ACME, 'witness')),
    "listen to another's answers": () => listen(peer, '_INBOX_initech_example.>'),
  };
  for (const [what, attempt] of Object.entries(attempts)) {
    const outcome = await attempt().then(
      () => 'done',
      (error: unknown) => chainOf(error),
    );
    expect(outcome, what).toMatch(/permissions violation/i);
  }
  expect(await take(peer, (taken) => taken.length === 1)).toMatchObject({ taken: ['1'] });
  await peer.close();
});

const listen = async (peer: Connection, subject: string): Promise<void> => {
  const subscription = peer.nats.subscribe(subject);
  await peer.nats.flush();
  await subscription[Symbol.asyncIterator]().next();
};

const chainOf = (error: unknown): string =>
  error instanceof Error ? `${error.message} ${chainOf(error.cause)}` : '';

test('a user that was revoked is cut off at once, and does not come back', async () => {
  const peer = await connectPeer();
  await pushAccount({ url: server.url, organisation: ACME, authority }, [globex.getPublicKey()]);
  await peer.closed;
  const revoked = await encodeServerAccounts(ACME, authority, [globex.getPublicKey()]);
  await server.kill9();
  await server.start(revoked);
  await expect(connectPeer()).rejects.toMatchObject({ code: 'UNREACHABLE' });
  acme = await connectOwn();
  await expect(connectOwn().then((second) => second.close())).resolves.toBeUndefined();
});

test('who has no credential of the organisation is not let in', async () => {
  const strange = { ...authority, account: seedOf(createAccount()) };
  const credential = await issuePeerCredential(strange, {
    ...{ organisation: ACME, peer: 'globex.example', user: globex.getPublicKey() },
  });
  const options = { url: server.url, organisation: 'globex.example', seed: seedOf(globex), credential };
  await expect(openConnection(options)).rejects.toMatchObject({ code: 'UNREACHABLE' });
});

test('the consumer of who is no peer any more is taken away', async () => {
  await ensureAnnouncements(acme, { organisation: ACME, peers: ['initech.example'] });
  const peer = await connectPeer();
  const following = consume(peer, {
    ...{ peer: ACME, organisation: 'globex.example' },
    handle: () => Promise.resolve({ durable: Promise.resolve() }),
    isRefusal: () => true,
    bury: () => Promise.resolve(),
  });
  await expect(following).rejects.toMatchObject({ code: 'UNREACHABLE' });
  await peer.close();
});
