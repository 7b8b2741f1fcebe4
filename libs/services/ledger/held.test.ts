import { expect, test } from 'vitest';

import { openHeld } from './held.ts';
import type { Ledger } from './ledger.ts';
import { appendTags, published } from './testing/published.ts';
import { useLedgerFixture } from './testing/use-fixture.ts';
import {
  linesOf,
  makeWitnesses,
  policyOf,
  publicationBy,
  type TestPublication,
} from './testing/witnesses.ts';

const witnesses = makeWitnesses(1);

const current = useLedgerFixture();

const openWith = async (threshold: number): Promise<{ ledger: Ledger; publication: TestPublication }> => {
  const publication = publicationBy(policyOf(witnesses, threshold));
  return { ledger: await current.fixture.openLedger(current.database, { publication }), publication };
};

/** How a wait stands, without waiting for it. */
const watch = (waiting: Promise<void>): { state: string } => {
  const watched = { state: 'waits' };
  waiting.then(
    () => (watched.state = 'held'),
    () => (watched.state = 'refused'),
  );
  return watched;
};

test('records are held once they are published and a peer has them, not before', async () => {
  const { ledger, publication } = await openWith(1);
  const recordIds = await appendTags(current.database, ledger, 3);
  const waiting = ledger.untilHeld(recordIds);
  const watched = watch(waiting);
  await expect.poll(async () => (await ledger.announcedHead()).size).toBe(3n);
  expect(watched.state).toBe('waits');

  await ledger.addCosignatures(3n, linesOf((await ledger.announcedHead()).note, witnesses));
  await published(ledger, 3n);
  await expect.poll(() => publication.asked, { interval: 10 }).toBeGreaterThan(0);
  expect(watched.state).toBe('waits');

  publication.held = true;
  await waiting;
});

test('whoever waits for a record that is held already, or was an earlier ledger’s, waits for none', async () => {
  const { ledger, publication } = await openWith(0);
  publication.held = true;
  const recordIds = await appendTags(current.database, ledger, 1);
  await published(ledger, 1n);
  await ledger.untilHeld([...recordIds, 'f'.repeat(32)]);
});

test('after a while it says that the record is here alone, and who waits for another goes on waiting', async () => {
  const { ledger, publication } = await openWith(0);
  const [early = ''] = await appendTags(current.database, ledger, 1);
  await published(ledger, 1n);
  const held = openHeld(
    await current.fixture.contextOf(current.database, { publication }),
    () => () => undefined,
    250,
  );
  await expect(held.until([early])).rejects.toMatchObject({
    code: 'NOT_HELD',
    message: expect.stringContaining(early) as string,
  });
  const late = held.until([early]);
  publication.held = true;
  await late;
});
