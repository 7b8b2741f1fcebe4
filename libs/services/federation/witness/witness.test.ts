import { openDatabase } from '@dockchains/database';
import {
  addSignatures,
  createNoteSigner,
  encodeEquivocation,
  encodeNote,
  parseEquivocation,
  parseNote,
  parseVerifierKey,
  verifyEquivocation,
  verifyNote,
} from '@dockchains/tlog';
import { describe, expect, test } from 'vitest';

import { hashOrigin } from '../replication/replica.ts';
import { makeGrowingLog } from './testing/growing-log.ts';
import { NOW, openWitnessFixture } from './testing/witness-fixture.ts';
import { createWitness } from './witness.ts';
import { findWitnessedHead } from './witnessed-heads.ts';

const on = await openWitnessFixture();
const { cosigner, depsOf, add, addBody, bodyOf, forkAt } = on;

describe('W1: the witness', () => {
  test('W1: 200 for what extends what it cosigned last, and says so when it is asked', async () => {
    const hash = hashOrigin(on.log.origin);
    expect(await on.witness.findCheckpoint(hash)).toBeUndefined();
    for (const [oldSize, size] of [
      [0, 0],
      [0, 3],
      [3, 3],
      [3, 300],
      [300, 1000],
    ] as const) {
      const { status, body, contentType } = await add(oldSize, size);
      expect({ status, contentType }).toEqual({ status: 200, contentType: 'text/plain; charset=utf-8' });
      const note = addSignatures(await on.log.note(size), [body]);
      const [verified] = verifyNote(parseNote(note), [cosigner.verifierKey]);
      expect(verified?.timestamp).toBe(BigInt(NOW.getTime() / 1000));
      expect(await on.witness.findCheckpoint(hash)).toBe(note);
    }
  });

  test.each([
    {
      name: 'W1: 404 for a log that it does not know',
      status: 404,
      body: () => ((on.known = false), on.log.submission(0, 3)),
    },
    {
      name: 'N1: 403 for a signature that is not the log’s',
      status: 403,
      body: async () => {
        const organisation = on.log.origin.split('/')[0] ?? '';
        return bodyOf(3, { note: await (await makeGrowingLog({ organisation })).note(3) });
      },
    },
    {
      name: 'N2: 403 for a wrong signature under the log’s own key, whatever else is there',
      status: 403,
      body: async () => {
        const [, second] = [await on.log.note(3), await on.log.note(4)].map((note) => parseNote(note));
        const lines = parseNote(await on.log.note(3)).signatures.map(({ line }) => line);
        const wrong = second?.signatures.map(({ line }) => line) ?? [];
        return bodyOf(3, { note: encodeNote(parseNote(await on.log.note(3)).text, [...lines, ...wrong]) });
      },
    },
    {
      name: 'W1: 400 for an old size above the checkpoint’s',
      status: 400,
      body: () => bodyOf(3, { old: 4 }),
    },
    {
      name: 'W1: 422 for a root of no entries that is not the empty one',
      status: 422,
      body: () => bodyOf(0, { note: forkAt(0n) }),
    },
    {
      name: 'W1: 422 for a proof from no entries',
      status: 422,
      body: () => bodyOf(3, { proof: [new Uint8Array(32)] }),
    },
  ])('$name', async ({ status, body }) => {
    const answer = await addBody(await body());
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(/^.+\n$/);
    expect(await findWitnessedHead(on.database, on.log.origin)).toBeUndefined();
  });

  test('W1: 409 with the size that it cosigned last, in its own content type', async () => {
    expect(await addBody(await bodyOf(9, { old: 5 }))).toEqual({
      ...{ status: 409, contentType: 'text/x.tlog.size', body: '0\n' },
    });
    await add(0, 5);
    for (const [oldSize, size] of [
      [0, 9],
      [4, 9],
      [6, 9],
      [0, 5],
    ] as const) {
      expect(await add(oldSize, size)).toEqual({
        ...{ status: 409, contentType: 'text/x.tlog.size', body: '5\n' },
      });
    }
    expect(await addBody(await bodyOf(9, { old: 6, note: forkAt(9n) }))).toMatchObject({ status: 409 });
  });

  test('W1: 422 for a proof that proves something else, and for another root at the same size', async () => {
    await add(0, 5);
    for (const proof of [[], [new Uint8Array(32)], await on.log.proof(4, 9)]) {
      expect(await addBody(await bodyOf(9, { old: 5, proof }))).toMatchObject({ status: 422 });
    }
    expect(await addBody(await bodyOf(5, { old: 5, proof: [new Uint8Array(32)] }))).toMatchObject({
      status: 422,
    });
    expect(on.conflicts).toEqual([]);
    expect(await addBody(await bodyOf(5, { old: 5, note: forkAt(5n) }))).toMatchObject({ status: 422 });
    expect((await findWitnessedHead(on.database, on.log.origin))?.size).toBe(5n);
  });

  test('L1: keeps two signed notes that contradict each other as evidence, at whatever old size they come', async () => {
    await add(0, 5);
    await addBody(await bodyOf(5, { old: 2, note: forkAt(5n) }));
    expect(on.conflicts.map(({ newer }) => newer)).toEqual([forkAt(5n)]);
    expect(on.conflicts[0]?.older).toContain(cosigner.name);
  });

  test('L1: keeps as evidence what the log’s own consistency proof says against it, where the sizes differ', async () => {
    await add(0, 5);
    const fork = await makeGrowingLog({
      ...{
        organisation: on.log.origin.split('/')[0] ?? '',
        privateKey: on.log.privateKey,
        history: 'another',
      },
    });
    expect(await addBody(await fork.submission(5, 9))).toMatchObject({ status: 422 });
    expect(on.conflicts).toHaveLength(1);
    const proof = parseEquivocation(encodeEquivocation(on.conflicts[0] ?? { older: '', newer: '' }));
    expect(verifyEquivocation(proof, [parseVerifierKey(on.log.verifierKey)])).toMatchObject({
      ...{ older: { size: 5n }, newer: { size: 9n } },
    });
    expect(on.suspected).toHaveLength(1);
  });

  test('a consistency proof that proves nothing is no evidence, but the head is compared elsewhere', async () => {
    await add(0, 5);
    const garbage = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));
    for (const proof of [garbage, [], await on.log.proof(4, 9)]) {
      expect(await addBody(await bodyOf(9, { old: 5, proof }))).toMatchObject({ status: 422 });
    }
    expect(await addBody(await bodyOf(9, { old: 3, proof: await on.log.proof(3, 9) }))).toMatchObject({
      status: 409,
    });
    expect(on.conflicts).toEqual([]);
    expect(on.suspected).toEqual(Array.from({ length: 4 }, () => on.suspected[0]));
    expect(on.suspected[0]).toBe(await on.log.note(9));
  });

  test('cosigns no more for a log that is frozen', async () => {
    on.witness = createWitness(depsOf({ isFrozen: () => Promise.resolve(true) }));
    expect(await add(0, 3)).toMatchObject({ status: 403 });
  });

  test('N6: cosigns extension lines as they are', async () => {
    const text = `${parseNote(await on.log.note(3)).text}extension\n`;
    const signer = createNoteSigner({ name: on.log.origin, privateKey: on.log.privateKey });
    const note = encodeNote(text, [signer.sign(text)]);
    const { status, body } = await addBody(await bodyOf(3, { note }));
    expect(status).toBe(200);
    expect(verifyNote(parseNote(addSignatures(note, [body])), [cosigner.verifierKey])).toHaveLength(1);
  });

  test('L10: a clock that is put back, or stands at 0, gives no time of 0 and takes no head back', async () => {
    let now = NOW;
    on.witness = createWitness(depsOf({ clock: () => now }));
    await add(0, 5);
    const timeOf = async (size: number, line: string): Promise<bigint | undefined> =>
      verifyNote(parseNote(addSignatures(await on.log.note(size), [line])), [cosigner.verifierKey])[0]
        ?.timestamp;
    for (const [at, expected] of [
      [NOW.getTime() - 3_600_000, BigInt(NOW.getTime() / 1000 - 3600)],
      [0, 1n],
      [-5_000, 1n],
    ] as const) {
      now = new Date(at);
      expect(await timeOf(5, (await add(5, 5)).body)).toBe(expected);
      expect(await add(0, 3)).toMatchObject({ status: 409, body: '5\n' });
    }
    expect((await findWitnessedHead(on.database, on.log.origin))?.size).toBe(5n);
  });

  test('asks for the log’s keys anew when they may have changed', async () => {
    let keys = [parseVerifierKey((await makeGrowingLog()).verifierKey)];
    on.witness = createWitness(
      depsOf({
        findLog: () => Promise.resolve({ keys }),
        refreshLog: () => {
          keys = [parseVerifierKey(on.log.verifierKey)];
          return Promise.resolve(true);
        },
      }),
    );
    expect(await add(0, 3)).toMatchObject({ status: 200 });
  });
});

test('W2: of requests that race to different sizes, none takes back what another was given', async () => {
  await add(0, 5);
  const bodies = await Promise.all([6, 9, 12, 7, 300, 8].map((size) => on.log.submission(5, size)));
  const second = openDatabase(on.databaseUrl);
  const other = createWitness(depsOf({ database: second }));
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all(
      bodies.map((body, index) => (index % 2 === 0 ? on.witness : other).addCheckpoint(body)),
    );
    const given = answers.filter(({ status }) => status === 200);
    expect(given).toHaveLength(round === 0 ? 1 : 0);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(bodies.length - given.length);
  }
  const kept = (await findWitnessedHead(on.database, on.log.origin))?.note ?? '';
  expect(verifyNote(parseNote(kept), [cosigner.verifierKey])).toHaveLength(1);
  await second.close();
});

describe('W3, W8: a request that is malformed is answered 400', () => {
  const hashes = (count: number): string => `${Buffer.alloc(32, 1).toString('base64')}\n`.repeat(count);
  test.each<[string, (note: string) => string | Uint8Array]>([
    ['W3: 64 lines of proof', (note) => `old 5\n${hashes(64)}\n${note}`],
    ['nothing', () => ''],
    ['no blank line', () => 'old 0\n'],
    ['no old size', (note) => `\n${note}`],
    ['a leading zero in the old size', (note) => `old 00\n\n${note}`],
    ['a plus before the old size', (note) => `old +0\n\n${note}`],
    ['an old size of 2^63', (note) => `old 9223372036854775808\n\n${note}`],
    ['a hash of 31 bytes', (note) => `old 0\n${Buffer.alloc(31).toString('base64')}\n\n${note}`],
    ['a hash without padding', (note) => `old 0\n${hashes(1).replace('=', '')}\n${note}`],
    ['an unsigned note', (note) => `old 0\n\n${note.slice(0, note.indexOf('\n\n') + 1)}`],
    ['CRLF', (note) => `old 0\r\n\r\n${note}`],
    ['no newline at the end', (note) => `old 0\n\n${note.trimEnd()}`],
    ['a hyphen for the em dash', (note) => `old 0\n\n${note.replace('—', '-')}`],
    ['a leading zero in the size', (note) => `old 0\n\n${note.replace('\n3\n', '\n03\n')}`],
    ['a note of a megabyte', (note) => `old 0\n\n${'x'.repeat(1_000_000)}${note}`],
    ['bytes that are no UTF-8', () => Uint8Array.of(0x6f, 0xff, 0xfe)],
    ['17 extension lines', (note) => `old 0\n\n${note.replace('\n\n', `\n${'x\n'.repeat(17)}\n`)}`],
  ])('%s', async (_name, body) => {
    expect(await addBody(body(await on.log.note(3)))).toMatchObject({ status: 400 });
    expect(await findWitnessedHead(on.database, on.log.origin)).toBeUndefined();
  });

  test('W3: 63 lines of proof are read', async () => {
    await add(0, 5);
    expect(await addBody(`old 5\n${hashes(63)}\n${await on.log.note(9)}`)).toMatchObject({ status: 422 });
  });
});
