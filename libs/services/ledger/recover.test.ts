import type { Database } from '@dockchains/database';
import { EMPTY_ROOT, signCheckpoint } from '@dockchains/tlog';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { enqueue, prepareEntries } from './append.ts';
import { signedKey, type Batch, type LedgerContext } from './context.ts';
import { findSignedHead, publishHead, signBatch } from './heads.ts';
import { promoteBatch } from './promote.ts';
import { findLag, readEvidence, recover } from './recover.ts';
import { sequenceBatch } from './sequence.ts';
import { stageBatch } from './staging.ts';
import { type LedgerFixture, makeFixture, ORIGIN, tagSet } from './testing/fixture.ts';

const NOTHING_SEEN = { size: 0n, root: EMPTY_ROOT };
const READ_BATCHES = {
  name: 'test-read-batches',
  text: 'SELECT start, "end", root FROM ledger_batch WHERE ledger_id = $1 ORDER BY "end"',
};

let fixture: LedgerFixture;

beforeEach(async () => {
  fixture = await makeFixture();
});

afterEach(() => fixture.end());

/** The ledger over a database of its own, empty as a copy from before the first entry; the tile store is one for all. */
const openEmptyCopy = async (): Promise<LedgerContext> => fixture.contextOf(await fixture.openDatabase());

const sequence = async (context: LedgerContext, count: number): Promise<Batch> => {
  await enqueue(
    context.database,
    context.ledgerId,
    prepareEntries(Array.from({ length: count }, () => tagSet('v1'))),
  );
  const sequenced = await sequenceBatch(context, NOTHING_SEEN);
  if (sequenced === undefined) throw new Error('The queue is empty.');
  return sequenced.batch;
};

const finish = async (context: LedgerContext, batch: Batch): Promise<void> => {
  await stageBatch(context, batch);
  await publishHead(context, await signBatch(context, batch));
  await promoteBatch(context, batch);
};

const lagOf = async (context: LedgerContext): Promise<string | undefined> =>
  findLag(context, await readEvidence(context));

/** The context of a gateway that dies right behind its first committed transaction. */
const dyingAfterOne = (context: LedgerContext): LedgerContext => {
  let isDead = false;
  const live = <T>(work: () => Promise<T>): Promise<T> =>
    isDead ? Promise.reject(new Error('killed')) : work();
  const database: Database = {
    ...context.database,
    query: (statement, parameters) => live(() => context.database.query(statement, parameters)),
    transaction: (work) =>
      live(async () => {
        const value = await context.database.transaction(work);
        isDead = true;
        return value;
      }),
  };
  return { ...context, database };
};

test('a recovery killed behind a batch that was staged and never signed leaves the batch to be signed', async () => {
  const before = await openEmptyCopy();
  await stageBatch(before, await sequence(before, 3));

  const copy = await openEmptyCopy();
  await expect(recover(dyingAfterOne(copy), await readEvidence(copy))).rejects.toThrow('killed');
  if ((await lagOf(copy)) !== undefined) await recover(copy, await readEvidence(copy));
  for (const batch of await copy.database.query<{ start: bigint; end: bigint; root: Buffer }>(READ_BATCHES, [
    copy.ledgerId,
  ])) {
    await finish(copy, batch);
  }
  await finish(copy, await sequence(copy, 1));
  expect((await findSignedHead(copy.database, copy.ledgerId))?.size).toBe(4n);
});

test('a recovery makes the partitions that the copy does not have yet', async () => {
  const before = await openEmptyCopy();
  await finish(before, await sequence(before, 300));
  const copy = await openEmptyCopy();
  await copy.database.prisma.$executeRawUnsafe('DROP TABLE ledger_entry_0');
  expect(await recover(copy, await readEvidence(copy))).toEqual({ recovered: 300n });
});

test('L2: a copy that is behind final bundles alone is found out, whatever the signed note says', async () => {
  const before = await openEmptyCopy();
  await finish(before, await sequence(before, 256));
  const note = signCheckpoint({ origin: ORIGIN, size: 0n, root: EMPTY_ROOT }, before.signer);
  await before.tiles.replace(signedKey('public'), Buffer.from(note));
  expect(await lagOf(before)).toBeUndefined();
  expect(await lagOf(await openEmptyCopy())).toContain('tile/entries/000');
});

test('L2: a database of another history than the signed one is refused, also where it is not behind', async () => {
  const before = await openEmptyCopy();
  await finish(before, await sequence(before, 3));
  expect(await lagOf(before)).toBeUndefined();
  const other = await openEmptyCopy();
  await sequence(other, 4);
  await expect(lagOf(other)).rejects.toMatchObject({ code: 'CONTRADICTION' });
});
