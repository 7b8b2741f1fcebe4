import { generateKeyPairSync } from 'node:crypto';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { reopenHead, type SignedHead } from '../replication/heads.ts';
import { hashOrigin } from '../replication/replica.ts';
import { makeReplicas, type ReplicaFixture } from '../testing/replicas.ts';
import { makeGrowingLog } from '../witness/testing/growing-log.ts';
import { openUndecided, type Undecided } from './undecided.ts';

const [ACME, GLOBEX] = ['acme.example/ledger/private', 'globex.example/ledger/private'];

let fixture: ReplicaFixture;
let undecided: Undecided;
let now: Date;

beforeEach(async () => {
  fixture = await makeReplicas();
  const log = { warn: () => undefined };
  undecided = openUndecided({ database: fixture.database, clock: () => now, log });
  const headsOf = async (organisation: string): Promise<readonly [SignedHead, SignedHead]> => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const growing = await makeGrowingLog({ organisation, privateKey, name: 'private' });
    return [reopenHead(await growing.note(3)), reopenHead(await growing.note(5))];
  };
  const [acme, globex] = [await headsOf('acme.example'), await headsOf('globex.example')];
  const note = (minute: number, shownBy: string, [held, shown]: typeof acme, isRefused: boolean) => {
    now = new Date(`2026-05-01T00:0${minute}:00.000Z`);
    return undecided.note({ shownBy, held, shown, isRefused, answer: 'none' });
  };
  await note(3, 'initech.example', globex, false);
  await note(1, 'globex.example', acme, false);
  for (let refusal = 0; refusal < 2; refusal += 1) await note(1, 'initech.example', acme, true);
});
afterEach(() => fixture.end());

const shownIn = (heads: Awaited<ReturnType<Undecided['list']>>): string[] =>
  heads.map(({ origin, shownBy }) => `${origin} ${shownBy}`);
const ALL = [`${ACME} globex.example`, `${ACME} initech.example`, `${GLOBEX} initech.example`];

test('heads are listed page by page, each from behind the key of the one before, the oldest first', async () => {
  expect(shownIn(await undecided.list())).toEqual(ALL);
  const found: string[] = [];
  let after: string | undefined;
  for (let page = 0; page < 3; page += 1) {
    const [one, ...more] = await undecided.list({ after, limit: 1 });
    expect(more).toEqual([]);
    found.push(...shownIn(one === undefined ? [] : [one]));
    after = one?.key;
  }
  expect(found).toEqual(ALL);
  expect(await undecided.list({ after, limit: 1 })).toEqual([]);
});

test.each(['x', 'x y z', '2026-13-01T00:00:00.000Z a b'])(
  'a key with no time is refused: %s',
  async (after) => {
    await expect(undecided.list({ after })).rejects.toThrow(/timestamp|date\/time/);
  },
);

test('of one log by its hash that is found which was refused an explanation', async () => {
  const found = await undecided.findByHash(hashOrigin(ACME));
  expect(found).toMatchObject({ origin: ACME, shownBy: 'initech.example', isUnexplained: true });
  expect(await undecided.findByHash(hashOrigin(GLOBEX))).toMatchObject({ isUnexplained: false });
  expect(await undecided.findByHash(hashOrigin('initech.example/ledger/private'))).toBeUndefined();
  expect(await undecided.findByHash('no hash')).toBeUndefined();
});
