import { randomBytes } from 'node:crypto';

import { EMPTY_ROOT, frontierRoot, parseFrontier } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { enqueue, prepareEntries } from './append.ts';
import { openLedger } from './ledger.ts';
import { ensurePartitions, sequenceBatch } from './sequence.ts';
import { type LedgerFixture, makeFixture, tagSet } from './testing/fixture.ts';
import { checkTree, published } from './testing/published.ts';

const PARTITION = 1n << 20n;
const COUNT_BY_PARTITION = {
  name: 'test-count-by-partition',
  text: `SELECT tableoid::regclass::text AS partition, count(*) AS entries, min(index) AS first
         FROM ledger_entry GROUP BY 1 ORDER BY 1`,
};

let fixture: LedgerFixture;

beforeEach(async () => {
  fixture = await makeFixture();
});

afterEach(() => fixture.end());

const tags = (count: number) => prepareEntries(Array.from({ length: count }, () => tagSet('v1')));

test('a batch crosses from one partition of 2^20 entries into the next', async () => {
  const database = await fixture.openDatabase();
  const size = PARTITION - 3n;
  const subtrees = size.toString(2).replaceAll('0', '').length;
  const frontier = randomBytes(32 * subtrees);
  const root = frontierRoot(parseFrontier(frontier, size));
  const [ledger] = await database.query<{ id: number }>(
    {
      name: 'test-insert-ledger',
      text: 'INSERT INTO ledger (origin, size, root, frontier) VALUES ($1, $2, $3, $4) RETURNING id',
    },
    ['acme.example/ledger/public', size, root, frontier],
  );
  const ledgerId = ledger?.id ?? 0;
  await enqueue(database, ledgerId, tags(6));
  await ensurePartitions(database, size);
  const sequenced = await sequenceBatch({ database, ledgerId }, { size: 0n, root: randomBytes(32) });
  expect(sequenced?.batch).toMatchObject({ start: size, end: PARTITION + 3n });
  expect(await database.query(COUNT_BY_PARTITION)).toEqual([
    { partition: 'ledger_entry_0', entries: 3n, first: size },
    { partition: 'ledger_entry_1', entries: 3n, first: PARTITION },
  ]);
  await ensurePartitions(database, PARTITION + 3n); // again, and the one after it
});

test('L3: a batch that a leader thought gone commits right before ours is finished first', async () => {
  const database = await fixture.openDatabase();
  const { ledgerId } = await fixture.contextOf(database);
  await enqueue(database, ledgerId, tags(3));
  let overtaken = false;
  const steps: string[] = [];
  const ledger = await openLedger(
    await fixture.depsOf(
      {
        ...database,
        transaction: async (work) => {
          if (!overtaken) {
            overtaken = true;
            await sequenceBatch({ database, ledgerId }, { size: 0n, root: EMPTY_ROOT });
            await enqueue(database, ledgerId, tags(2));
          }
          return database.transaction(work);
        },
      },
      {
        onStep: (step, { start, end, oldestQueuedAt }) => {
          steps.push(`${step} ${start}-${end} ${oldestQueuedAt === undefined ? 'resumed' : 'timed'}`);
        },
      },
    ),
  );
  try {
    await published(ledger, 5n);
    expect(await checkTree(ledger)).toBe(5n);
    expect((await ledger.status()).frozen).toBeUndefined();
    expect(steps.filter((step) => /^(sequenced|published)/.test(step))).toEqual([
      'sequenced 3-5 timed',
      'published 0-3 resumed',
      'published 3-5 timed',
    ]);
  } finally {
    await ledger.close();
  }
});
