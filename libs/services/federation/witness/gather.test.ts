import type { Database } from '@dockchains/database';
import type { Ledger } from '@dockchains/ledger';
import {
  checkPolicy,
  encodeVerifierKey,
  parseNote,
  parseOrigin,
  parseVerifierKey,
  type Policy,
} from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type LedgerFixture, makeFixture, ORIGIN } from '../../ledger/testing/fixture.ts';
import { appendTags, checkTree, published } from '../../ledger/testing/published.ts';
import { askOverHttp } from './ask-witness.ts';
import { type Gatherer, startGathering } from './gather.ts';
import { quorumOf } from './policies.ts';
import { type FakeWitness, startFakeWitness } from './testing/fake-witness.ts';

let fixture: LedgerFixture;
let database: Database;
let witnesses: FakeWitness[];
let closing: (() => Promise<void>)[];

beforeEach(async () => {
  fixture = await makeFixture();
  database = await fixture.openDatabase();
  witnesses = [];
  closing = [];
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await fixture.end();
  await Promise.all(witnesses.map((witness) => witness.close()));
});

const start = async (count: number, keys = 1): Promise<void> => {
  witnesses = await Promise.all(
    Array.from({ length: count }, (_, index) => startFakeWitness(`w${index}.example`, keys)),
  );
};

const policyOf = (ledgerKey: string, threshold: number): Policy => {
  const named = witnesses.flatMap(({ cosigners, url }) =>
    cosigners.map(({ name, verifierKey }) => ({ name, key: verifierKey, url })),
  );
  const members = named.map(({ name }) => name);
  return {
    logs: [{ key: parseVerifierKey(ledgerKey) }],
    witnesses: named,
    groups: threshold === 0 ? [] : [{ name: 'quorum', threshold, members }],
    quorum: threshold === 0 ? 'none' : 'quorum',
  };
};

const open = async (
  threshold: number,
  clock = (): Date => new Date(),
): Promise<{ ledger: Ledger; gatherer: Gatherer; policy: Policy; waits: number[]; turns: () => number }> => {
  const { verifierKey } = (await fixture.depsOf(database)).signer;
  const policy = policyOf(encodeVerifierKey(verifierKey), threshold);
  const started: { gatherer?: Gatherer } = {};
  const waits: number[] = [];
  const ledger = await fixture.openLedger(database, {
    publication: {
      policy: () => Promise.resolve(policy),
      announce: () => started.gatherer?.announce(),
      observePublished: (ms) => waits.push(ms),
      isHeld: () => Promise.resolve(true),
      findWitnessed: () => Promise.resolve([]),
    },
  });
  let turns = 0;
  const gatherer = startGathering({
    ledger,
    policy() {
      turns += 1;
      return Promise.resolve(policy);
    },
    organisationOf: (url) =>
      Promise.resolve(witnesses.find((witness) => witness.url === url)?.cosigners[0]?.name.split('/')[0]),
    ask: askOverHttp(fetch),
    clock,
    observe: () => undefined,
    log: { warn: () => undefined, info: () => undefined },
  });
  started.gatherer = gatherer;
  closing.push(() => gatherer.close());
  return { ledger, gatherer, policy, waits, turns: () => turns };
};

const append = (ledger: Ledger, count: number): Promise<string[]> => appendTags(database, ledger, count);
const cosignersOf = async (ledger: Ledger, policy: Policy): Promise<number> =>
  checkPolicy(
    parseNote(await ledger.publishedCheckpoint()),
    { ...policy, quorum: 'none' },
    parseOrigin(ORIGIN),
  ).witnesses.length;

test.each([1, 2, 3, 4, 5])('publishes what a quorum of %i witnesses cosigned over HTTP', async (count) => {
  await start(count);
  const { ledger, policy, waits } = await open(quorumOf(count));
  for (const size of [300n, 301n, 600n]) {
    await append(ledger, Number(size - (await ledger.publishedSize())));
    await published(ledger, size);
    await expect.poll(() => cosignersOf(ledger, policy)).toBe(count);
  }
  expect(await checkTree(ledger)).toBe(600n);
  expect(waits).toHaveLength(3);
  for (const witness of witnesses) expect(witness.statuses).not.toContain(409);
});

test('the quorum of n witnesses is 1 below four, else more than two thirds', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(quorumOf)).toEqual([1, 1, 1, 3, 4, 5, 5, 6, 7, 7]);
});

describe('a witness that', () => {
  test('W4: is slow holds nobody up whom the quorum can do without, and its cosignature is merged later', async () => {
    await start(4);
    const [slow] = witnesses;
    if (slow === undefined) throw new Error('There is no witness.');
    slow.behaviour = 'held';
    const { ledger, policy } = await open(3);
    for (const size of [5n, 10n, 15n]) {
      await append(ledger, 5);
      await published(ledger, size);
    }
    expect(await cosignersOf(ledger, policy)).toBe(3);
    slow.release();
    await expect.poll(() => cosignersOf(ledger, policy)).toBe(4);
  });

  test('W4: is needed and fails lets the head wait, and records be signed; it is published when it is back', async () => {
    await start(1);
    const [only] = witnesses;
    if (only === undefined) throw new Error('There is no witness.');
    only.behaviour = 'failing';
    const { ledger, gatherer } = await open(1);
    await append(ledger, 5);
    await expect.poll(() => gatherer.standings()[0]?.problem).toContain('500');
    await append(ledger, 5);
    await expect.poll(async () => (await ledger.status()).waitingSince).toBeInstanceOf(Date);
    expect(await ledger.publishedSize()).toBe(0n);
    only.behaviour = 'good';
    await published(ledger, 10n);
    await expect.poll(() => gatherer.standings()[0]?.problem).toBeUndefined();
  });

  test.each(['garbage', 'stranger', 'failing'] as const)(
    'W4: answers as %s and back again loses nothing',
    async (kind) => {
      await start(2);
      const { ledger } = await open(2);
      for (const size of [5n, 10n]) {
        const flapping = witnesses[Number(size / 5n) % 2];
        if (flapping === undefined) throw new Error('There is no witness.');
        flapping.behaviour = kind;
        await append(ledger, 5);
        await expect.poll(() => flapping.statuses.length).toBeGreaterThan(Number(size / 5n) - 1);
        flapping.behaviour = 'good';
        await published(ledger, size);
      }
      expect(await checkTree(ledger)).toBe(10n);
    },
  );

  test('W4: has not added us yet is said so', async () => {
    await start(1);
    const [only] = witnesses;
    if (only === undefined) throw new Error('There is no witness.');
    only.behaviour = 'stranger';
    const { ledger, gatherer } = await open(0);
    await append(ledger, 5);
    await published(ledger, 5n);
    await expect.poll(() => gatherer.standings()[0]?.problem).toBe('waiting for w0.example to add us');
  });
});

test('W7: one with several keys is asked once for all of them', async () => {
  await start(1, 3);
  const { ledger, policy } = await open(3);
  for (const size of [5n, 10n, 15n]) {
    await append(ledger, 5);
    await published(ledger, size);
  }
  expect(await cosignersOf(ledger, policy)).toBe(3);
  expect(witnesses[0]?.statuses.filter((status) => status !== 200)).toEqual([]);
});

test('W5: a witness that is further or less far than was thought is asked from where it is', async () => {
  await start(1);
  const { ledger } = await open(1);
  await append(ledger, 5);
  await published(ledger, 5n);
  witnesses[0]?.sizes.set(ORIGIN, 3n); // put back
  await append(ledger, 5);
  await published(ledger, 10n);
  expect(witnesses[0]?.statuses.slice(-2)).toEqual([409, 200]);
});

test('W5: a witness that claims more than was ever signed is named, and makes nothing be published', async () => {
  await start(1);
  witnesses[0]?.sizes.set(ORIGIN, 1000n);
  const { ledger, gatherer } = await open(1);
  await append(ledger, 5);
  await expect.poll(() => gatherer.standings()[0]?.problem).toContain('more entries');
  expect(await ledger.publishedSize()).toBe(0n);
});

test('W5: a witness that claims each time to be one further takes nobody’s time to cosign a head', async () => {
  await start(2);
  const [liar, honest] = witnesses;
  if (liar === undefined || honest === undefined) throw new Error('There are no witnesses.');
  liar.behaviour = 'ahead';
  honest.behaviour = 'held';
  // No time passes in which the honest one was too slow.
  const { ledger, gatherer, turns } = await open(1, () => new Date(0));
  await append(ledger, 5);
  // Of the empty head it was asked before.
  await expect.poll(() => gatherer.standings()[0]?.size).toBe(6n);
  await append(ledger, 5);
  await expect.poll(async () => (await ledger.status()).size).toBe(10n);
  const before = turns();
  await expect.poll(turns).toBeGreaterThan(before + 2);
  expect((await ledger.announcedHead()).size).toBe(5n);
  honest.release();
  await published(ledger, 10n);
  expect(honest.statuses).not.toContain(409);
});

test('without witnesses nothing is asked of the database', async () => {
  await start(0);
  const { ledger, gatherer } = await open(0);
  await append(ledger, 5);
  await published(ledger, 5n);
  expect(gatherer.standings()).toEqual([]);
});
