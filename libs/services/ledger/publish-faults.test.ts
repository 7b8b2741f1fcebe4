import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Database } from '@dockchains/database';
import { signCheckpoint } from '@dockchains/tlog';
import { expect, test } from 'vitest';

import type { CommitStep } from './context.ts';
import { findSignedHead } from './heads.ts';
import type { Ledger } from './ledger.ts';
import { ORIGIN } from './testing/fixture.ts';
import { appendTags, checkTree, published } from './testing/published.ts';
import { useLedgerFixture } from './testing/use-fixture.ts';
import { linesOf, makeWitnesses, policyOf, publicationBy } from './testing/witnesses.ts';

const witnesses = makeWitnesses(2);
const policy = policyOf(witnesses, 2);
const current = useLedgerFixture();

/** A ledger whose announced heads are cosigned by both witnesses as they come, one after the other, until `stop`. */
const openCosigned = async (
  target: Database,
  onStep?: (step: CommitStep) => Promise<void> | void,
  witnessed: readonly string[] = [],
): Promise<{ ledger: Ledger; stop: () => Promise<void> }> => {
  const publication = { ...publicationBy(policy), findWitnessed: () => Promise.resolve(witnessed) };
  const ledger = await current.fixture.openLedger(target, {
    publication,
    ...(onStep === undefined ? {} : { onStep }),
  });
  const stopped = new AbortController();
  const cosigning = (async () => {
    while (!stopped.signal.aborted) {
      const { size, note } = await ledger.announcedHead();
      if (size > (await ledger.publishedSize())) {
        for (const line of linesOf(note, witnesses)) await ledger.addCosignatures(size, [line]);
      }
      await new Promise(setImmediate);
    }
  })();
  const stop = async (): Promise<void> => {
    stopped.abort();
    await cosigning;
  };
  return { ledger, stop };
};

test.each<CommitStep>(['sequenced', 'staged', 'signed', 'published', 'promoted'])(
  'L4: a head that must be cosigned goes on behind a stop at step %s',
  async (stopAfter) => {
    const stopped = Promise.withResolvers<undefined>();
    const first = await openCosigned(current.database, (step) => {
      if (step !== stopAfter) return;
      stopped.resolve(undefined);
      throw new Error('stopped here');
    });
    await appendTags(current.database, first.ledger, 700);
    await stopped.promise;
    await first.stop();
    await first.ledger.close();

    const again = await openCosigned(current.database);
    await appendTags(current.database, again.ledger, 5);
    await published(again.ledger, 705n);
    expect(await checkTree(again.ledger)).toBe(705n);
    await expect.poll(() => countBatches(current.database)).toBe(0n);
    await again.stop();
  },
);

test('many batches whose heads wait are promoted once the newest is published', async () => {
  const publication = publicationBy(policy);
  const ledger = await current.fixture.openLedger(current.database, { publication, checkpointIntervalMs: 1 });
  for (let size = 8n; size <= 560n; size += 8n) {
    await appendTags(current.database, ledger, 8);
    await expect
      .poll(async () => (await findSignedHead(current.database, 1))?.size, { interval: 1 })
      .toBe(size);
  }
  expect(await ledger.publishedSize()).toBe(0n);
  await ledger.close();
  const again = await openCosigned(current.database);
  await published(again.ledger, 560n);
  await expect.poll(() => countBatches(current.database)).toBe(0n);
  expect(await checkTree(again.ledger)).toBe(560n);
  await again.stop();
});

test('a database that was lost shows again what was published, before anybody has cosigned it anew', async () => {
  const first = await openCosigned(current.database);
  await appendTags(current.database, first.ledger, 300);
  await published(first.ledger, 300n);
  const note = await first.ledger.publishedCheckpoint();
  await first.stop();
  await appendTags(current.database, first.ledger, 10);
  await expect.poll(async () => (await findSignedHead(current.database, 1))?.size).toBe(310n);
  await current.fixture.closeLedgers();

  const copy = await current.fixture.openDatabase();
  const ledger = await current.fixture.openLedger(copy, { publication: publicationBy(policy) });
  expect(await ledger.publishedCheckpoint()).toBe(note);
  expect((await ledger.announcedHead()).size).toBe(310n);
  await current.fixture.closeLedgers();
  const again = await openCosigned(copy);
  await published(again.ledger, 310n);
  expect(await checkTree(again.ledger)).toBe(310n);
  await again.stop();
});

test('L2: a ledger that was put back with its tile store freezes at a head that witnesses know, and signs nothing', async () => {
  const first = await openCosigned(current.database);
  await appendTags(current.database, first.ledger, 3);
  await published(first.ledger, 3n);
  const witnessed = await first.ledger.publishedCheckpoint();
  await first.stop();
  await current.fixture.closeLedgers();

  // Database and tile store of the moment in which the log began.
  const copy = await current.fixture.openDatabase();
  await rm(join(current.fixture.folder, 'tiles'), { recursive: true });
  await rm(join(current.fixture.folder, 'keys'), { recursive: true });
  const garbage = 'no note at all';
  const { ledger, stop } = await openCosigned(copy, undefined, [garbage, witnessed]);
  expect((await ledger.status()).frozen).toContain('3 entries');
  await expect(appendTags(copy, ledger, 1)).rejects.toMatchObject({ code: 'FROZEN' });
  expect((await findSignedHead(copy, 1))?.size).toBe(0n);
  await stop();
});

test('L2: a head that a witness knows and the entries contradict freezes the ledger', async () => {
  const first = await openCosigned(current.database);
  await appendTags(current.database, first.ledger, 3);
  await published(first.ledger, 3n);
  await first.stop();
  await current.fixture.closeLedgers();
  const { signer } = await current.fixture.depsOf(current.database);
  const fork = signCheckpoint({ origin: ORIGIN, size: 2n, root: new Uint8Array(32) }, signer);
  const { ledger, stop } = await openCosigned(current.database, undefined, [fork]);
  expect((await ledger.status()).frozen).toContain('the root that was signed at 2');
  await stop();
});

async function countBatches(target: Database): Promise<bigint | undefined> {
  const [row] = await target.query<{ rows: bigint }>({
    name: 'test-count-batches',
    text: 'SELECT count(*) AS rows FROM ledger_batch',
  });
  return row?.rows;
}
