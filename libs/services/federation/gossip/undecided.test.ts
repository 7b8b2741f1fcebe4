import {
  encodeConsistency,
  parseEquivocation,
  parseUnexplained,
  parseVerifierKey,
  verifyEquivocation,
  verifyUnexplained,
} from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { reopenHead } from '../replication/heads.ts';
import { hashOrigin } from '../replication/replica.ts';
import { makeReplicas, type ReplicaFixture, type TestPeer } from '../testing/replicas.ts';
import { type Answer, serveWeb, type Web } from '../testing/web.ts';
import { createHold } from '../witness/hold.ts';
import { type GrowingLog, makeGrowingLog } from '../witness/testing/growing-log.ts';
import { swapWitnessedHead } from '../witness/witnessed-heads.ts';
import { type Gossip, openGossip } from './gossip.ts';
import { knownPeer } from './known-logs.ts';
import { openUndecided, type Undecided } from './undecided.ts';

const ORIGIN = 'acme.example/ledger/private';
const HASH = hashOrigin(ORIGIN);

let fixture: ReplicaFixture;
let acme: TestPeer;
let globex: Web;
let gossip: Gossip;
let undecided: Undecided;
let now: Date;
let warned: string[];
/** Both histories of acme's private ledger: they part behind the third entry. */
let histories: { right: GrowingLog; wrong: GrowingLog };

beforeEach(async () => {
  fixture = await makeReplicas();
  [acme, globex] = await Promise.all([fixture.addPeer('acme.example'), serveWeb()]);
  now = new Date('2026-05-01T00:00:00.000Z');
  warned = [];
  const log = { warn: (_fields: object, event: string) => warned.push(event) };
  undecided = openUndecided({ database: fixture.database, clock: () => now, log });
  const peer = { ...acme.peer, organisation: 'globex.example', url: globex.url };
  const endpoints = {
    ...peer.descriptor.endpoints,
    ...{ mirror: `${globex.url}/mirror`, witness: `${globex.url}/witness` },
  };
  gossip = openGossip({
    ...{ evidence: fixture.evidence, undecided, log, intervalMs: 3_600_000, againMs: 1 },
    peers: { list: () => Promise.resolve([{ ...peer, descriptor: { ...peer.descriptor, endpoints } }]) },
    known: () => Promise.resolve(knownPeer(fixture, acme.peer)),
  });
  const log0 = { organisation: 'acme.example', privateKey: acme.key(), name: 'private' } as const;
  histories = {
    right: await makeGrowingLog(log0),
    wrong: await makeGrowingLog({ ...log0, history: 'another' }),
  };
});

afterEach(async () => {
  await gossip.close();
  await globex.close();
  await fixture.end();
});

/** Our witness cosigned a head of so many entries, and globex' shows another one. */
async function hold(held: number, shown: number, history: GrowingLog): Promise<void> {
  const note = await histories.right.note(held);
  const { size, root } = reopenHead(note);
  const next = { size, root: Buffer.from(root), note };
  const { database } = fixture;
  await swapWitnessedHead(database, ORIGIN, { previous: undefined, next, at: now });
  globex.files.set(`/witness/${HASH}/checkpoint`, Buffer.from(await history.note(shown)));
}

/** What acme answers, whoever asks it for a proof. */
function answer(said: () => Answer | Promise<Answer>): void {
  acme.web.tamper = (path) => (path.includes('/consistency/') ? said() : undefined);
}

const proofIn = async (history: GrowingLog, older: number, newer: number): Promise<Buffer> =>
  Buffer.from(encodeConsistency(await history.proof(older, newer)));
const asked = (): number => acme.web.requests.filter((path) => path.includes('/consistency/')).length;

describe('L1: heads of a private ledger of two sizes', () => {
  test.each([
    { name: 'the larger', held: 6, shown: 9 },
    { name: 'the smaller', held: 9, shown: 6 },
    { name: 'the smaller, of a full subtree,', held: 9, shown: 4 },
  ])('of which a peer shows $name are explained by their log, once', async ({ held, shown }) => {
    await hold(held, shown, histories.right);
    answer(() => proofIn(histories.right, Math.min(held, shown), Math.max(held, shown)));
    await gossip.exchange();
    await gossip.exchange();
    expect(asked()).toBe(1);
    expect(await undecided.list()).toEqual([]);
    expect(await fixture.evidence.list()).toEqual([]);
    expect(warned).toEqual([]);
  });

  test('that it was not asked for accuse nobody while it is away, are shown, and end when it is back', async () => {
    await hold(6, 9, histories.right);
    for (const status of [503, 500, 429]) {
      answer(() => ({ status }));
      await gossip.exchange();
    }
    const [waiting, ...others] = await undecided.list();
    expect(others).toEqual([]);
    expect(waiting).toMatchObject({
      ...{ origin: ORIGIN, shownBy: 'globex.example', since: now, answer: 'it answered with status 429' },
      ...{ isUnexplained: false, isWithheld: false },
    });
    expect(warned).toEqual([]);
    answer(() => proofIn(histories.right, 6, 9));
    await gossip.exchange();
    expect(await undecided.list()).toEqual([]);
  });

  test.each([
    { name: 'refuses to explain', said: () => ({ status: 404 }), says: 'it answered with status 404' },
    {
      name: 'answers with something else',
      said: () => Buffer.from('hello\n'),
      says: 'it answered with something else',
    },
    {
      name: 'answers without end',
      said: () => Buffer.alloc(1_000_000, 'A'),
      says: 'it answered with more than a proof can have',
    },
    {
      name: 'answers with a proof that does not hold',
      said: () => proofIn(histories.right, 5, 9),
      says: 'its proof does not hold',
    },
  ])(
    'that contradict each other stay unexplained where the log $name, and are kept',
    async ({ said, says }) => {
      await hold(6, 9, histories.wrong);
      answer(said);
      await gossip.exchange();
      expect(asked()).toBeGreaterThan(1);
      const [waiting] = await undecided.list();
      expect(waiting).toMatchObject({ answer: says, isUnexplained: true, isWithheld: true });
      expect(warned).toEqual(['a log does not explain two of its heads: nothing more of it is cosigned']);
      expect(await fixture.evidence.list()).toEqual([]);
      const file = parseUnexplained(waiting?.file() ?? '');
      const keys = [parseVerifierKey(histories.right.verifierKey)];
      expect(verifyUnexplained(file, keys)).toMatchObject({ older: { size: 6n }, newer: { size: 9n } });
      expect(file).toMatchObject({ shownBy: 'globex.example', answer: says });

      // What was shown once is not forgotten because the peer shows something else, or nothing.
      globex.files.set(`/witness/${HASH}/checkpoint`, Buffer.from(await histories.right.note(6)));
      await gossip.exchange();
      expect(await undecided.list()).toMatchObject([{ shown: { size: 9n }, isUnexplained: true }]);
      globex.files.clear();
      await gossip.exchange();
      expect(await undecided.list()).toMatchObject([{ shown: { size: 9n }, isUnexplained: true }]);
    },
  );

  test('whose log answers by either history convicts itself, whomever it tells which', async () => {
    await hold(6, 9, histories.wrong);
    answer(() => proofIn(histories.wrong, 6, 9));
    await gossip.exchange();
    const kept = await fixture.evidence.find(ORIGIN);
    const keys = [parseVerifierKey(histories.right.verifierKey)];
    expect(verifyEquivocation(parseEquivocation(kept?.proof ?? ''), keys)).toMatchObject({
      older: { size: 6n },
      newer: { size: 9n },
    });
    expect(await undecided.list()).toEqual([]);
  });

  test('that were not explained are forgotten once a proof shows what they are', async () => {
    await hold(6, 9, histories.wrong);
    answer(() => ({ status: 404 }));
    await gossip.exchange();
    expect(await undecided.list()).toHaveLength(1);
    answer(() => proofIn(histories.wrong, 6, 9));
    await gossip.exchange();
    expect(await undecided.list()).toEqual([]);
    expect(await fixture.evidence.find(ORIGIN)).toBeDefined();
  });

  test('agree for now where the peer is ahead: what is cosigned later is compared anew', async () => {
    await hold(3, 9, histories.wrong); // the histories part behind this one
    answer(() => proofIn(histories.wrong, 3, 9));
    await gossip.exchange();
    expect(await undecided.list()).toEqual([]);
    const note = await histories.right.note(11);
    const { size, root } = reopenHead(note);
    await fixture.database.query(
      {
        name: 'test-advance',
        text: 'UPDATE witnessed_head SET size = $2, root = $3, note = $4 WHERE origin = $1',
      },
      [ORIGIN, size, Buffer.from(root), note],
    );
    answer(() => proofIn(histories.right, 9, 11));
    await gossip.exchange();
    expect(await fixture.evidence.find(ORIGIN)).toBeDefined();
  });

  test('of which one is signed by a revoked key alone: nobody owes an explanation of that', async () => {
    const former = await makeGrowingLog({
      organisation: 'acme.example',
      name: 'private',
      history: 'another',
    });
    const { formerKeys } = acme.peer.descriptor;
    formerKeys.push({ role: 'log-private', key: former.verifierKey, state: 'revoked' });
    await hold(6, 9, former);
    await gossip.exchange();
    expect(await undecided.list()).toEqual([]);
  });

  test('that a log showed to our witness, which refused one, are asked about as well', async () => {
    await hold(6, 6, histories.right);
    await gossip.compare(ORIGIN, await histories.wrong.note(9));
    answer(() => ({ status: 404 }));
    await gossip.exchange();
    expect(await undecided.list()).toMatchObject([{ shownBy: 'acme.example', isUnexplained: true }]);
  });
});

describe('L1: a log that has not explained two heads', () => {
  const heldBack = async (size: number): Promise<string | undefined> => {
    const head = reopenHead(await histories.right.note(size));
    return createHold({ undecided, explain: (origin) => gossip.explain(origin) })(ORIGIN, head);
  };

  test('is cosigned for no more, until it has', async () => {
    await hold(6, 9, histories.right);
    expect(await heldBack(12)).toBeUndefined();
    answer(() => ({ status: 404 }));
    await gossip.exchange();
    expect(await heldBack(12)).toContain('heads of 6 and 9 entries');
    // The head that is waited for comes with the proof that explains it.
    expect(await heldBack(9)).toBeUndefined();
    expect(await undecided.list()).toHaveLength(1);
    answer(() => proofIn(histories.right, 6, 9));
    expect(await heldBack(12)).toBeUndefined();
    expect(await undecided.list()).toEqual([]);
  });

  test('and is not heard has a minute: who can ask can answer', async () => {
    await hold(6, 9, histories.right);
    answer(() => ({ status: 503 }));
    await gossip.exchange();
    now = new Date(now.getTime() + 59_000);
    expect(await heldBack(12)).toBeUndefined();
    now = new Date(now.getTime() + 1_000);
    expect(await heldBack(12)).toContain('heads of 6 and 9 entries');
    expect(await undecided.list()).toMatchObject([{ isUnexplained: false, isWithheld: true }]);
    answer(() => proofIn(histories.right, 6, 9));
    expect(await heldBack(12)).toBeUndefined();
  });
});
