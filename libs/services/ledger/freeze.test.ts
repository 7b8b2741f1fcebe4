import { expect, test } from 'vitest';

import { freezeLedger } from './freeze.ts';
import { findSignedHead, signBatch } from './heads.ts';
import type { Ledger } from './ledger.ts';
import { appendTags, checkTree, published } from './testing/published.ts';
import { useLedgerFixture } from './testing/use-fixture.ts';

const REASON = 'two histories are signed by its key';

const current = useLedgerFixture();

const awaitFrozen = (ledger: Ledger): Promise<void> =>
  expect.poll(async () => (await ledger.status()).frozen, { interval: 10 }).toBe(REASON);

test('a ledger that was frozen takes nothing more on any gateway, and shows what was published', async () => {
  const [first, second] = [
    await current.fixture.openLedger(current.database),
    await current.fixture.openLedger(current.database),
  ];
  await appendTags(current.database, first, 5);
  await published(second, 5n);
  await second.freeze(REASON);
  for (const ledger of [first, second]) {
    await awaitFrozen(ledger);
    expect(() => {
      ledger.requireWritable();
    }).toThrow(REASON);
    await expect(appendTags(current.database, ledger, 1)).rejects.toMatchObject({ code: 'FROZEN' });
    expect(await checkTree(ledger)).toBe(5n);
  }
  await second.freeze('something that came later');
  await awaitFrozen(second);
});

test('it is frozen when it is opened again, also over a database that forgot it', async () => {
  const ledger = await current.fixture.openLedger(current.database);
  await appendTags(current.database, ledger, 5);
  await published(ledger, 5n);
  await ledger.freeze(REASON);
  await current.fixture.closeLedgers();
  await awaitFrozen(await current.fixture.openLedger(current.database));
  await current.fixture.closeLedgers();

  const rebuilt = await current.fixture.openLedger(await current.fixture.openDatabase());
  await awaitFrozen(rebuilt);
  expect(await checkTree(rebuilt)).toBe(5n);
});

test('what was queued before it was frozen gets no index', async () => {
  const { promise: reached, resolve } = Promise.withResolvers<undefined>();
  const { promise: frozen, resolve: go } = Promise.withResolvers<undefined>();
  const ledger = await current.fixture.openLedger(current.database, {
    onStep: (step) => {
      if (step !== 'sequenced') return undefined;
      resolve(undefined);
      return frozen;
    },
  });
  await appendTags(current.database, ledger, 2);
  await reached;
  await appendTags(current.database, ledger, 3);
  await ledger.freeze(REASON);
  go(undefined);
  await awaitFrozen(ledger);
  const { size, publishedSize, queued } = await ledger.status();
  expect({ size, publishedSize, queued }).toEqual({ size: 2n, publishedSize: 0n, queued: 3n });
});

test('no signature is kept of a ledger that was frozen meanwhile', async () => {
  const context = await current.fixture.contextOf(current.database);
  await freezeLedger(context, REASON);
  const batch = { start: 0n, end: 1n, root: new Uint8Array(32) };
  await expect(signBatch(context, batch)).rejects.toMatchObject({ code: 'OVERTAKEN' });
  expect((await findSignedHead(current.database, context.ledgerId))?.size).toBe(0n);
});
