import { parseEquivocation, parseVerifierKey, verifyEquivocation } from '@dockchains/tlog';
import { buildLog } from '@dockchains/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { readMirrorPath } from '../replication/mirror-path.ts';
import { reopenHead } from '../replication/heads.ts';
import { hashOrigin } from '../replication/replica.ts';
import type { Replication } from '../replication/replication.ts';
import {
  awaitStatus,
  entriesOf,
  makeReplicas,
  type ReplicaFixture,
  type TestPeer,
} from '../testing/replicas.ts';
import { serveWeb, type Web } from '../testing/web.ts';
import { type Gossip, openGossip } from './gossip.ts';
import { knownPeer } from './known-logs.ts';
import { swapWitnessedHead } from '../witness/witnessed-heads.ts';

const ORIGIN = 'acme.example/ledger/public';
const HASH = hashOrigin(ORIGIN);
const log = { warn: () => undefined };

/** One who replicates acme's log and shows its mirror to the other. */
type Observer = {
  readonly fixture: ReplicaFixture;
  readonly acme: TestPeer;
  readonly web: Web;
  replication: Replication;
  gossip: Gossip;
};

let left: Observer;
let right: Observer;

async function makeObserver(): Promise<Observer> {
  const fixture = await makeReplicas();
  const acme = await fixture.addPeer('acme.example');
  return {
    ...{ fixture, acme, web: await serveWeb() },
    ...{
      replication: await fixture.open(),
      gossip: openGossip({ ...unstarted(), evidence: fixture.evidence, undecided: fixture.undecided }),
    },
  };
}

const unstarted = () => ({
  peers: { list: () => Promise.resolve([]) },
  known: () => Promise.resolve([]),
  log,
});

/** Makes both see each other, and acme, whose two gateways have one key. */
async function introduce(observer: Observer, other: Observer, name: string): Promise<void> {
  const { fixture, web, replication } = observer;
  await observer.gossip.close();
  web.tamper = async (path) => {
    const [, kind, hash, rest] =
      /^\/(mirror|federation\/equivocations)\/([0-9a-f]{64})(?:\/(.+))?$/.exec(path) ?? [];
    if (kind === 'mirror') return (await readMirrorPath(replication.mirror(hash ?? ''), rest ?? ''))?.bytes;
    const proof = hash === HASH ? await fixture.evidence.find(ORIGIN) : undefined;
    return kind === undefined || proof === undefined ? { status: 404 } : Buffer.from(proof.proof);
  };
  const peer = { ...other.acme.peer, organisation: name, url: other.web.url };
  const endpoints = {
    ...peer.descriptor.endpoints,
    mirror: `${other.web.url}/mirror`,
    witness: `${other.web.url}/witness`,
  };
  observer.gossip = openGossip({
    ...{ evidence: fixture.evidence, undecided: fixture.undecided, log, intervalMs: 3_600_000 },
    peers: {
      list: () => Promise.resolve([{ ...peer, descriptor: { ...peer.descriptor, endpoints } }]),
    },
    known: () => Promise.resolve(knownPeer(fixture, observer.acme.peer)),
  });
}

/** Lets acme show each observer a log of its own, both signed by one key. */
async function showBoth(
  shown: readonly [Observer, number, string?],
  other: readonly [Observer, number, string?],
): Promise<void> {
  for (const [observer, size, history] of [shown, other]) {
    await observer.acme.serve(size, history);
    await awaitStatus(observer.replication, ORIGIN, { mirroredSize: BigInt(size) });
  }
}

beforeEach(async () => {
  [left, right] = await Promise.all([makeObserver(), makeObserver()]);
  right.acme.adopt(left.acme);
  await introduce(left, right, 'globex.example');
  await introduce(right, left, 'initech.example');
});

afterEach(async () => {
  await Promise.all([left, right].map(({ gossip }) => gossip.close()));
  await Promise.all([left, right].map(({ web }) => web.close()));
  await Promise.all([left, right].map(({ fixture }) => fixture.end()));
});

describe('L1: a split view that no one sees whole', () => {
  test.each([
    { name: 'of one size', sizes: [7, 7] },
    { name: 'of which the asker has the smaller', sizes: [5, 700] },
    { name: 'of which the asker has the larger', sizes: [700, 5] },
    { name: 'whose smaller half is full tiles', sizes: [512, 1000] },
  ])('$name is found by one exchange, and frozen on both sides by the next', async ({ sizes }) => {
    await showBoth([left, sizes[0] ?? 0], [right, sizes[1] ?? 0, 'another']);
    await left.gossip.exchange();
    const kept = await left.fixture.evidence.find(ORIGIN);
    const key = parseVerifierKey(left.acme.peer.descriptor.keys.logs.public);
    expect(() => verifyEquivocation(parseEquivocation(kept?.proof ?? ''), [key])).not.toThrow();
    await awaitStatus(left.replication, ORIGIN, {
      frozen: expect.stringContaining('two histories') as unknown,
    });

    await right.gossip.exchange();
    expect(await right.fixture.evidence.find(ORIGIN)).toBeDefined();
    await awaitStatus(right.replication, ORIGIN, {
      frozen: expect.stringContaining('two histories') as unknown,
    });
  });

  test('stays found: nothing more is taken from the log', async () => {
    await showBoth([left, 7], [right, 8, 'another']);
    await left.gossip.exchange();
    await awaitStatus(left.replication, ORIGIN, { frozen: expect.anything() as unknown });
    await left.acme.serve(9);
    const asked = left.acme.web.requests.length;
    await left.gossip.exchange();
    left.replication.wake();
    await awaitStatus(left.replication, ORIGIN, { mirroredSize: 7n, publishedSize: 7n });
    expect(left.acme.web.requests.slice(asked).filter((path) => path.includes('entries'))).toEqual([]);
  });
});

describe('one history', () => {
  test('of which one has more than the other is nobody’s fault', async () => {
    await showBoth([left, 700], [right, 5]);
    await Promise.all([left.gossip.exchange(), right.gossip.exchange()]);
    expect(await left.fixture.evidence.list()).toEqual([]);
    expect(await right.fixture.evidence.list()).toEqual([]);
  });

  test('is not frozen by proofs and notes that a peer makes up', async () => {
    await showBoth([left, 7], [right, 7]);
    const forger = await left.fixture.addPeer('acme.example');
    const forged = await forger.serve(9, 'another');
    const note = forged.files.get('checkpoint') ?? Buffer.alloc(0);
    const proof = `dockchains.org/equivocation@v1\n\n${note.toString()}\n${note.toString()}`;
    right.web.tamper = (path) => (path.includes('equivocations') ? Buffer.from(proof) : note);
    await left.gossip.exchange();
    await expect(left.gossip.compare(ORIGIN, note)).rejects.toMatchObject({ code: 'UNKNOWN_SIGNER' });
    expect(await left.fixture.evidence.list()).toEqual([]);
  });
});

describe('L1: what our witness cosigned', () => {
  /** Keeps what the witness of this observer cosigned last, as if the log had asked it. */
  const cosigned = (observer: Observer, note: string): Promise<void> => {
    const { origin, size, root } = reopenHead(note);
    const next = { size, root: Buffer.from(root), note };
    const { database } = observer.fixture;
    return swapWitnessedHead(database, origin, { previous: undefined, next, at: new Date() }).then(
      () => undefined,
    );
  };
  const noteOf = async (name: 'public' | 'private', size: number, history?: string): Promise<string> => {
    const entries = entriesOf('acme.example', size, history);
    const built = await buildLog({ name, entries, privateKey: left.acme.key() });
    return built.files.get('checkpoint')?.toString() ?? '';
  };

  test('is compared with what our mirror holds', async () => {
    await left.acme.serve(700);
    await awaitStatus(left.replication, ORIGIN, { mirroredSize: 700n });
    await cosigned(left, await noteOf('public', 9, 'another'));
    await left.gossip.exchange();
    expect(await left.fixture.evidence.find(ORIGIN)).toBeDefined();
  });

  test('is compared with what others cosigned of a private ledger, whose tiles nobody holds', async () => {
    const origin = 'acme.example/ledger/private';
    await cosigned(left, await noteOf('private', 9));
    const theirs = { right: await noteOf('private', 9), wrong: await noteOf('private', 9, 'another') };
    let shown: keyof typeof theirs = 'right';
    right.web.tamper = (path) =>
      path === `/witness/${hashOrigin(origin)}/checkpoint` ? Buffer.from(theirs[shown]) : undefined;
    await left.gossip.exchange();
    expect(await left.fixture.evidence.list()).toEqual([]);
    shown = 'wrong';
    await left.gossip.exchange();
    const key = parseVerifierKey(left.acme.peer.descriptor.keys.logs.private);
    const kept = await left.fixture.evidence.find(origin);
    expect(verifyEquivocation(parseEquivocation(kept?.proof ?? ''), [key]).older.size).toBe(9n);
    expect(right.web.requests.filter((path) => path.includes('tile'))).toEqual([]);
  });
});

describe('L1: a split view by a key that was', () => {
  const history = async (state: 'replaced' | 'revoked'): Promise<Observer['acme']> => {
    await left.acme.serve(7);
    await awaitStatus(left.replication, ORIGIN, { mirroredSize: 7n });
    // Another history, signed by the key that acme had before.
    const former = await right.fixture.addPeer('acme.example');
    await former.serve(7, 'another');
    const { formerKeys, keys } = left.acme.peer.descriptor;
    formerKeys.push({ role: 'log-public', key: former.peer.descriptor.keys.logs.public, state });
    expect(keys.logs.public).not.toBe(formerKeys[0]?.key);
    const note = former.web.files.get('/log/public/checkpoint');
    right.web.tamper = (path) => (path === `/mirror/${HASH}/signed` ? note : undefined);
    return former;
  };

  test('replaced is one all the same', async () => {
    await history('replaced');
    await left.gossip.exchange();
    expect(await left.fixture.evidence.find(ORIGIN)).toMatchObject({ byRevokedKey: false });
  });

  test('revoked is kept as the misuse of a key that it is, and freezes nothing', async () => {
    const former = await history('revoked');
    await left.gossip.exchange();
    expect(await left.fixture.evidence.find(ORIGIN)).toBeUndefined();
    const [kept] = await left.fixture.evidence.list();
    expect(kept).toMatchObject({ origin: ORIGIN, byRevokedKey: true });
    expect(kept?.proof).toContain(former.web.files.get('/log/public/checkpoint')?.toString() ?? '-');
    expect(await left.fixture.evidence.findByHash(HASH)).toEqual(kept);
    expect(await left.fixture.evidence.findByHash(HASH.replace(/./, 'x'))).toBeUndefined();
    await awaitStatus(left.replication, ORIGIN, { frozen: undefined });
    await left.acme.serve(9);
    await awaitStatus(left.replication, ORIGIN, { mirroredSize: 9n });

    // What is proven by the key that stands comes all the same.
    await right.acme.serve(9, 'another');
    right.web.tamper = (path) =>
      path === `/mirror/${HASH}/signed` ? right.acme.web.files.get('/log/public/checkpoint') : undefined;
    await left.gossip.exchange();
    expect(await left.fixture.evidence.find(ORIGIN)).toMatchObject({ byRevokedKey: false });
    expect(await left.fixture.evidence.list()).toHaveLength(2);
    expect(await left.fixture.evidence.findByHash(HASH)).toMatchObject({ byRevokedKey: false });
    const [first] = await left.fixture.evidence.list({ limit: 1 });
    expect(first).toEqual(kept);
    expect(await left.fixture.evidence.list({ after: first?.key })).toMatchObject([{ byRevokedKey: false }]);
  });
});

test('a head that nobody could decide when it was shown is decided by who holds its tiles', async () => {
  await showBoth([left, 5], [right, 700, 'another']);
  const note = right.acme.web.files.get('/log/public/checkpoint') ?? '';
  const { tamper } = right.web;
  right.web.tamper = () => ({ status: 404 });
  expect(await left.gossip.compare(ORIGIN, note)).toBe(false);
  await left.gossip.exchange();
  expect(await left.fixture.evidence.list()).toEqual([]);
  // The peer shows no head, but the tiles below this one.
  right.web.tamper = (path, file) => (path.includes('/tile/') ? tamper(path, file) : { status: 404 });
  await left.gossip.exchange();
  expect(await left.fixture.evidence.find(ORIGIN)).toBeDefined();
});

test('a head that somebody shows is compared with ours', async () => {
  await showBoth([left, 700], [right, 5, 'another']);
  const note = right.acme.web.files.get('/log/public/checkpoint') ?? '';
  expect(await right.gossip.compare(ORIGIN, note)).toBe(false);
  expect(await left.gossip.compare('nobody.example/ledger/public', note)).toBe(false);
  expect(await left.gossip.compare(ORIGIN, note)).toBe(true);
});
