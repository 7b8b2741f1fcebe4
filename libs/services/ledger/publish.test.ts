import { checkPolicy, parseNote, verifyNote } from '@dockchains/tlog';
import { describe, expect, test } from 'vitest';

import type { CommitStep } from './context.ts';
import { findSignedHead } from './heads.ts';
import type { Ledger } from './ledger.ts';
import { fixtureVerifierKey, ORIGIN } from './testing/fixture.ts';
import { appendTags, checkTree, published } from './testing/published.ts';
import { useLedgerFixture } from './testing/use-fixture.ts';
import {
  linesOf,
  makeWitnesses,
  policyOf,
  publicationBy,
  type TestPublication,
} from './testing/witnesses.ts';

const current = useLedgerFixture();

const open = (
  publication: TestPublication,
  onStep?: (step: CommitStep) => Promise<void> | void,
): Promise<Ledger> =>
  current.fixture.openLedger(current.database, { publication, ...(onStep === undefined ? {} : { onStep }) });

const append = (ledger: Ledger, count: number): Promise<string[]> =>
  appendTags(current.database, ledger, count);

/** Waits until peers are asked for the head of this size, and gives its note. */
const announced = async (ledger: Ledger, size: bigint): Promise<string> => {
  await expect.poll(async () => (await ledger.announcedHead()).size, { interval: 10 }).toBe(size);
  return (await ledger.announcedHead()).note;
};

const signedSize = async (): Promise<bigint | undefined> => (await findSignedHead(current.database, 1))?.size;

describe('publication by a policy', () => {
  test.each([
    { count: 1, threshold: 1 },
    { count: 2, threshold: 1 },
    { count: 3, threshold: 1 },
    { count: 4, threshold: 3 },
    { count: 5, threshold: 4 },
  ])('shows a head once $threshold of $count witnesses cosigned it', async ({ count, threshold }) => {
    const witnesses = makeWitnesses(count);
    const policy = policyOf(witnesses, threshold);
    const ledger = await open(publicationBy(policy));
    await append(ledger, 300);
    const lines = linesOf(await announced(ledger, 300n), witnesses);
    for (const [index, line] of lines.entries()) {
      expect(await ledger.publishedSize()).toBe(index < threshold ? 0n : 300n);
      const cosigned = await ledger.addCosignatures(300n, [line]);
      expect(cosigned.accepted).toBe(1);
      expect(cosigned.published?.size).toBe(index === threshold - 1 ? 300n : undefined);
    }
    const note = parseNote(await ledger.publishedCheckpoint());
    expect(checkPolicy(note, policy, ORIGIN).witnesses).toHaveLength(count);
    expect(await checkTree(ledger)).toBe(300n);
    expect((await ledger.status()).waitingSince).toBeUndefined();
  });

  test('gives indices to what is queued and signs it while a head waits; then the newest head is next', async () => {
    const witnesses = makeWitnesses(1);
    const publication = publicationBy(policyOf(witnesses, 1));
    const ledger = await open(publication);
    await append(ledger, 3);
    const first = await announced(ledger, 3n);
    for (const size of [5n, 7n, 9n]) {
      await append(ledger, 2);
      await expect.poll(signedSize, { interval: 10 }).toBe(size);
    }
    expect((await ledger.announcedHead()).size).toBe(3n);
    expect(await ledger.publishedSize()).toBe(0n);
    expect((await ledger.status()).waitingSince).toBeInstanceOf(Date);

    const before = publication.announcements;
    await ledger.addCosignatures(3n, linesOf(first, witnesses));
    expect(await ledger.publishedSize()).toBe(3n);
    expect(publication.announcements).toBeGreaterThan(before);
    await ledger.addCosignatures(9n, linesOf(await announced(ledger, 9n), witnesses));
    await published(ledger, 9n);
    expect(await checkTree(ledger)).toBe(9n);
  });

  test('goes on at once as without peers where the policy asks for nobody, and cosignatures are merged all the same', async () => {
    const witnesses = makeWitnesses(2);
    const publication = publicationBy(policyOf(witnesses, 0));
    const ledger = await open(publication);
    await append(ledger, 4);
    await published(ledger, 4n);
    expect(await ledger.addCosignatures(4n, linesOf(await ledger.publishedCheckpoint(), witnesses))).toEqual({
      accepted: 2,
    });
    const note = parseNote(await ledger.publishedCheckpoint());
    expect(checkPolicy(note, policyOf(witnesses, 2), ORIGIN).witnesses).toHaveLength(2);
    expect(await ledger.cosigners()).toMatchObject([
      { name: 'w0.example/witness', lastSize: 4n },
      { name: 'w1.example/witness', lastSize: 4n },
    ]);
  });

  test('lets a head that waits go when the policy asks for less', async () => {
    const witnesses = makeWitnesses(4);
    const publication = publicationBy(policyOf(witnesses, 3));
    const ledger = await open(publication);
    await append(ledger, 2);
    await ledger.addCosignatures(2n, linesOf(await announced(ledger, 2n), witnesses.slice(0, 1)));
    expect(await ledger.publishedSize()).toBe(0n);
    publication.current = policyOf(witnesses.slice(0, 2), 1);
    await published(ledger, 2n);
  });

  test('makes way for the newest head when a witness has passed the one that waits', async () => {
    const witnesses = makeWitnesses(1);
    const ledger = await open(publicationBy(policyOf(witnesses, 1)));
    await append(ledger, 2);
    await announced(ledger, 2n);
    expect(await ledger.skipAnnounced()).toBe(false);
    await append(ledger, 2);
    await expect.poll(signedSize, { interval: 10 }).toBe(4n);
    expect(await ledger.skipAnnounced()).toBe(true);
    await ledger.addCosignatures(4n, linesOf(await announced(ledger, 4n), witnesses));
    await published(ledger, 4n);
    expect(await checkTree(ledger)).toBe(4n);
  });

  test('L10: a later cosignature of a witness takes the place of its earlier one, and never the other way round', async () => {
    const witnesses = makeWitnesses(1);
    const ledger = await open(publicationBy(policyOf(witnesses, 1)));
    await append(ledger, 1);
    const note = await announced(ledger, 1n);
    for (const time of [2000n, 3000n, 1000n]) {
      await ledger.addCosignatures(1n, linesOf(note, witnesses, time));
    }
    const signatures = verifyNote(
      parseNote(await ledger.publishedCheckpoint()),
      witnesses.map(({ verifierKey }) => verifierKey),
    );
    expect(signatures.map(({ timestamp }) => timestamp)).toEqual([3000n]);
  });

  test('two gateways publish together what each of them was given a part of', async () => {
    const witnesses = makeWitnesses(5);
    const policy = policyOf(witnesses, 4);
    const [first, second] = [await open(publicationBy(policy)), await open(publicationBy(policy))];
    for (const size of [6n, 12n, 18n]) {
      await append(first, 6);
      const lines = linesOf(await announced(first, size), witnesses);
      const results = await Promise.all(
        lines.map((line, index) => (index % 2 === 0 ? first : second).addCosignatures(size, [line])),
      );
      expect(results.filter((one) => one.published !== undefined)).toHaveLength(1);
      for (const gateway of [first, second]) {
        const note = parseNote(await gateway.publishedCheckpoint());
        expect(checkPolicy(note, policy, ORIGIN).witnesses).toHaveLength(5);
      }
    }
    await expect
      .poll(async () => {
        const [row] = await current.database.query<{ rows: bigint }>({
          name: 'test-unpromoted',
          text: 'SELECT count(*) AS rows FROM ledger_batch',
        });
        return row?.rows;
      })
      .toBe(0n);
  });
});

describe('a cosignature that is none', () => {
  const setUp = async () => {
    const witnesses = makeWitnesses(1);
    const ledger = await open(publicationBy(policyOf(witnesses, 1)));
    await append(ledger, 2);
    const old = await announced(ledger, 2n);
    await ledger.addCosignatures(2n, linesOf(old, witnesses));
    await append(ledger, 2);
    return { ledger, witnesses, old, note: await announced(ledger, 4n) };
  };

  test('N9: one of an earlier head does not count for a later one', async () => {
    const { ledger, witnesses, old } = await setUp();
    await expect(ledger.addCosignatures(4n, linesOf(old, witnesses))).rejects.toMatchObject({
      code: 'BAD_SIGNATURE',
    });
    expect(await ledger.publishedSize()).toBe(2n);
  });

  test('N8: one of another log with the same size and root does not count', async () => {
    const { ledger, witnesses, note } = await setUp();
    const other = note.replace(ORIGIN, 'globex.example/ledger/public');
    await expect(ledger.addCosignatures(4n, linesOf(other, witnesses))).rejects.toMatchObject({
      code: 'BAD_SIGNATURE',
    });
  });

  test('N7: the signature of a log under a witness’s name does not count', async () => {
    const { ledger, note } = await setUp();
    const own = parseNote(note).signatures.map(({ line }) => line);
    expect(await ledger.addCosignatures(4n, own)).toEqual({ accepted: 0 });
    expect(verifyNote(parseNote(note), [fixtureVerifierKey])).toHaveLength(1);
  });

  test('N3: one by a key that the policy does not name is ignored', async () => {
    const { ledger, note } = await setUp();
    expect(await ledger.addCosignatures(4n, linesOf(note, makeWitnesses(3)))).toEqual({ accepted: 0 });
    expect(await ledger.publishedSize()).toBe(2n);
  });

  test('N2: a wrong one by a witness that is known spoils the others that came with it', async () => {
    const { ledger, witnesses, note } = await setUp();
    const [line = ''] = linesOf(note, witnesses);
    const bytes = Buffer.from(line.trim().split(' ').at(-1) ?? '', 'base64');
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
    const wrong = `— ${witnesses[0]?.name ?? ''} ${bytes.toString('base64')}\n`;
    await expect(ledger.addCosignatures(4n, [line, wrong])).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
    expect(await ledger.findCosignatures(4n)).toEqual([]);
    expect((await ledger.addCosignatures(4n, [line])).published?.size).toBe(4n);
  });

  test('N5: lines that are none are refused, and so are more than a note may have', async () => {
    const { ledger, witnesses, note } = await setUp();
    const [line = ''] = linesOf(note, witnesses);
    for (const lines of [
      [],
      ['no line\n'],
      [line.replace('—', '-')],
      [line.trimEnd()],
      Array.from({ length: 65 }, () => line),
    ]) {
      await expect(ledger.addCosignatures(4n, lines)).rejects.toMatchObject({ code: 'BAD_NOTE' });
    }
    expect(await ledger.publishedSize()).toBe(2n);
  });

  test('one of a head that is neither announced nor published changes nothing', async () => {
    const { ledger, witnesses, note } = await setUp();
    for (const size of [0n, 1n, 3n, 5n]) {
      expect(await ledger.addCosignatures(size, linesOf(note, witnesses))).toEqual({ accepted: 0 });
    }
  });
});
