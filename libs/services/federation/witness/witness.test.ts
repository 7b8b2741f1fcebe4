import { generateKeyPairSync, randomBytes } from 'node:crypto';

import { type Database, migrate, openDatabase } from '@dockchains/database';
import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import {
  addSignatures,
  cosign,
  createCosigner,
  createNoteSigner,
  encodeAddCheckpoint,
  encodeEquivocation,
  encodeNote,
  type Equivocation,
  parseCheckpoint,
  parseEquivocation,
  parseNote,
  parseOrigin,
  parseVerifierKey,
  signCheckpoint,
  verifyEquivocation,
  verifyNote,
} from '@dockchains/tlog';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { hashOrigin } from '../replication/replica.ts';
import { type GrowingLog, makeGrowingLog } from './testing/growing-log.ts';
import { createWitness, type Witness, type WitnessAnswer, type WitnessDeps } from './witness.ts';
import { findWitnessedHead } from './witnessed-heads.ts';

const cosigner = createCosigner({
  name: 'acme.example/witness',
  privateKey: generateKeyPairSync('ed25519').privateKey,
});
const NOW = new Date('2026-05-01T00:00:00.000Z');

let testDatabase: TestDatabase;
let database: Database;
let log: GrowingLog;
let witness: Witness;
let known: boolean;
let published: () => Promise<string>;
let conflicts: Equivocation[];
let suspected: string[];

const depsOf = (changes: Partial<WitnessDeps> = {}): WitnessDeps => ({
  ...{ database, cosigner, clock: () => NOW },
  findLog: (origin) =>
    Promise.resolve(
      known && origin === log.origin
        ? { keys: [parseVerifierKey(log.verifierKey)], checkpointUrl: 'http://globex.example/log' }
        : undefined,
    ),
  refreshLog: () => Promise.resolve(false),
  fetchCheckpoint: () => published(),
  isFrozen: () => Promise.resolve(false),
  findHold: () => Promise.resolve(undefined),
  reportConflict: (_origin, equivocation) => {
    conflicts.push(equivocation);
    return Promise.resolve();
  },
  suspect: (_origin, note) => {
    suspected.push(note);
    return Promise.resolve();
  },
  ...changes,
});

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  await migrate(testDatabase.url);
  database = openDatabase(testDatabase.url);
});

beforeEach(async () => {
  log = await makeGrowingLog({ organisation: `o${randomBytes(4).toString('hex')}.example` });
  known = true;
  published = () => log.note(0);
  conflicts = [];
  suspected = [];
  witness = createWitness(depsOf());
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const add = async (oldSize: number, size: number): Promise<WitnessAnswer> =>
  witness.addCheckpoint(await log.submission(oldSize, size));
const addBody = (body: string | Uint8Array): Promise<WitnessAnswer> =>
  witness.addCheckpoint(Buffer.from(body));
const bodyOf = async (size: number, changes: { old?: number; proof?: Uint8Array[]; note?: string }) =>
  encodeAddCheckpoint({
    oldSize: BigInt(changes.old ?? 0),
    proof: changes.proof ?? [],
    note: changes.note ?? (await log.note(size)),
  });
/** A note of the log, rightly signed, with a root that is not its own. */
const forkAt = (size: bigint): string =>
  signCheckpoint(
    { origin: parseOrigin(log.origin), size, root: new Uint8Array(32).fill(7) },
    createNoteSigner({ name: log.origin, privateKey: log.privateKey }),
  );

describe('W1: the witness', () => {
  test('W1: 200 for what extends what it cosigned last, and says so when it is asked', async () => {
    const hash = hashOrigin(log.origin);
    expect(await witness.findCheckpoint(hash)).toBeUndefined();
    for (const [oldSize, size] of [
      [0, 0],
      [0, 3],
      [3, 3],
      [3, 300],
      [300, 1000],
    ] as const) {
      const { status, body, contentType } = await add(oldSize, size);
      expect({ status, contentType }).toEqual({ status: 200, contentType: 'text/plain; charset=utf-8' });
      const note = addSignatures(await log.note(size), [body]);
      const [verified] = verifyNote(parseNote(note), [cosigner.verifierKey]);
      expect(verified?.timestamp).toBe(BigInt(NOW.getTime() / 1000));
      expect(await witness.findCheckpoint(hash)).toBe(note);
    }
  });

  test.each([
    {
      name: 'W1: 404 for a log that it does not know',
      status: 404,
      body: () => ((known = false), log.submission(0, 3)),
    },
    {
      name: 'N1: 403 for a signature that is not the log’s',
      status: 403,
      body: async () => {
        const organisation = log.origin.split('/')[0] ?? '';
        return bodyOf(3, { note: await (await makeGrowingLog({ organisation })).note(3) });
      },
    },
    {
      name: 'N2: 403 for a wrong signature under the log’s own key, whatever else is there',
      status: 403,
      body: async () => {
        const [, second] = [await log.note(3), await log.note(4)].map((note) => parseNote(note));
        const lines = parseNote(await log.note(3)).signatures.map(({ line }) => line);
        const wrong = second?.signatures.map(({ line }) => line) ?? [];
        return bodyOf(3, { note: encodeNote(parseNote(await log.note(3)).text, [...lines, ...wrong]) });
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
    expect(await findWitnessedHead(database, log.origin)).toBeUndefined();
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
    for (const proof of [[], [new Uint8Array(32)], await log.proof(4, 9)]) {
      expect(await addBody(await bodyOf(9, { old: 5, proof }))).toMatchObject({ status: 422 });
    }
    expect(await addBody(await bodyOf(5, { old: 5, proof: [new Uint8Array(32)] }))).toMatchObject({
      status: 422,
    });
    expect(conflicts).toEqual([]);
    expect(await addBody(await bodyOf(5, { old: 5, note: forkAt(5n) }))).toMatchObject({ status: 422 });
    expect((await findWitnessedHead(database, log.origin))?.size).toBe(5n);
  });

  test('L1: keeps two signed notes that contradict each other as evidence, at whatever old size they come', async () => {
    await add(0, 5);
    await addBody(await bodyOf(5, { old: 2, note: forkAt(5n) }));
    expect(conflicts.map(({ newer }) => newer)).toEqual([forkAt(5n)]);
    expect(conflicts[0]?.older).toContain(cosigner.name);
  });

  test('L1: keeps as evidence what the log’s own consistency proof says against it, where the sizes differ', async () => {
    await add(0, 5);
    const fork = await makeGrowingLog({
      ...{ organisation: log.origin.split('/')[0] ?? '', privateKey: log.privateKey, history: 'another' },
    });
    expect(await addBody(await fork.submission(5, 9))).toMatchObject({ status: 422 });
    expect(conflicts).toHaveLength(1);
    const proof = parseEquivocation(encodeEquivocation(conflicts[0] ?? { older: '', newer: '' }));
    expect(verifyEquivocation(proof, [parseVerifierKey(log.verifierKey)])).toMatchObject({
      ...{ older: { size: 5n }, newer: { size: 9n } },
    });
    expect(suspected).toHaveLength(1);
  });

  test('a consistency proof that proves nothing is no evidence, but the head is compared elsewhere', async () => {
    await add(0, 5);
    const garbage = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));
    for (const proof of [garbage, [], await log.proof(4, 9)]) {
      expect(await addBody(await bodyOf(9, { old: 5, proof }))).toMatchObject({ status: 422 });
    }
    expect(await addBody(await bodyOf(9, { old: 3, proof: await log.proof(3, 9) }))).toMatchObject({
      status: 409,
    });
    expect(conflicts).toEqual([]);
    expect(suspected).toEqual(Array.from({ length: 4 }, () => suspected[0]));
    expect(suspected[0]).toBe(await log.note(9));
  });

  test('cosigns no more for a log that is frozen', async () => {
    witness = createWitness(depsOf({ isFrozen: () => Promise.resolve(true) }));
    expect(await add(0, 3)).toMatchObject({ status: 403 });
  });

  test('N6: cosigns extension lines as they are', async () => {
    const text = `${parseNote(await log.note(3)).text}extension\n`;
    const signer = createNoteSigner({ name: log.origin, privateKey: log.privateKey });
    const note = encodeNote(text, [signer.sign(text)]);
    const { status, body } = await addBody(await bodyOf(3, { note }));
    expect(status).toBe(200);
    expect(verifyNote(parseNote(addSignatures(note, [body])), [cosigner.verifierKey])).toHaveLength(1);
  });

  test('L10: a clock that is put back, or stands at 0, gives no time of 0 and takes no head back', async () => {
    let now = NOW;
    witness = createWitness(depsOf({ clock: () => now }));
    await add(0, 5);
    const timeOf = async (size: number, line: string): Promise<bigint | undefined> =>
      verifyNote(parseNote(addSignatures(await log.note(size), [line])), [cosigner.verifierKey])[0]
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
    expect((await findWitnessedHead(database, log.origin))?.size).toBe(5n);
  });

  test('asks for the log’s keys anew when they may have changed', async () => {
    let keys = [parseVerifierKey((await makeGrowingLog()).verifierKey)];
    witness = createWitness(
      depsOf({
        findLog: () => Promise.resolve({ keys }),
        refreshLog: () => {
          keys = [parseVerifierKey(log.verifierKey)];
          return Promise.resolve(true);
        },
      }),
    );
    expect(await add(0, 3)).toMatchObject({ status: 200 });
  });
});

test('W2: of requests that race to different sizes, none takes back what another was given', async () => {
  await add(0, 5);
  const bodies = await Promise.all([6, 9, 12, 7, 300, 8].map((size) => log.submission(5, size)));
  const second = openDatabase(testDatabase.url);
  const other = createWitness(depsOf({ database: second }));
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all(
      bodies.map((body, index) => (index % 2 === 0 ? witness : other).addCheckpoint(body)),
    );
    const given = answers.filter(({ status }) => status === 200);
    expect(given).toHaveLength(round === 0 ? 1 : 0);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(bodies.length - given.length);
  }
  const kept = (await findWitnessedHead(database, log.origin))?.note ?? '';
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
    expect(await addBody(body(await log.note(3)))).toMatchObject({ status: 400 });
    expect(await findWitnessedHead(database, log.origin)).toBeUndefined();
  });

  test('W3: 63 lines of proof are read', async () => {
    await add(0, 5);
    expect(await addBody(`old 5\n${hashes(63)}\n${await log.note(9)}`)).toMatchObject({ status: 422 });
  });
});

describe('W5: a witness whose database was put back', () => {
  test('goes on from the cosignature of its own that the log shows, and cosigns no fork of it', async () => {
    const own = addSignatures(await log.note(9), [cosign(await log.note(9), cosigner, 5n)]);
    await add(0, 5);
    published = () => Promise.resolve(own);
    witness = createWitness(depsOf());
    expect(await addBody(await bodyOf(7, { old: 5, proof: await log.proof(5, 7) }))).toMatchObject({
      ...{ status: 409, body: '9\n' },
    });
    expect(await add(9, 12)).toMatchObject({ status: 200 });
  });

  test('remembers by itself while it runs', async () => {
    await add(0, 9);
    await database.prisma.witnessedHead.deleteMany();
    expect(await add(0, 5)).toMatchObject({ status: 409, body: '9\n' });
  });

  test('remembers what it cosigned while another of its first requests still asked the log', async () => {
    let release: (note: string) => void = () => undefined;
    const later = new Promise<string>((resolve) => {
      release = resolve;
    });
    const answers = [log.note(0), later];
    published = () => answers.shift() ?? log.note(0);
    const [first, second] = [add(0, 9), add(0, 5)];
    expect(await first).toMatchObject({ status: 200 });
    release(await log.note(0));
    expect(await second).toMatchObject({ status: 409, body: '9\n' });
    await database.prisma.witnessedHead.deleteMany();
    expect(await add(0, 5)).toMatchObject({ status: 409, body: '9\n' });
  });

  test('goes on from what it cosigned under a key that the log has replaced since', async () => {
    const [former, organisation] = [log, log.origin.split('/')[0] ?? ''];
    const own = addSignatures(await former.note(9), [cosign(await former.note(9), cosigner, 5n)]);
    log = await makeGrowingLog({ organisation });
    published = () => Promise.resolve(own);
    const keys = [log, former].map(({ verifierKey }) => parseVerifierKey(verifierKey));
    const findLog = (logKeys: typeof keys) => () =>
      Promise.resolve({
        ...{ keys: keys.slice(0, 1), logKeys: logKeys.map((key) => ({ key, isRevoked: false })) },
        checkpointUrl: 'http://globex.example/log',
      });
    witness = createWitness(depsOf({ findLog: findLog(keys) }));
    expect(await add(0, 5)).toMatchObject({ status: 409, body: '9\n' });
    await database.prisma.witnessedHead.deleteMany();
    // A stranger's note is no memory of ours.
    witness = createWitness(depsOf({ findLog: findLog(keys.slice(0, 1)) }));
    expect(await add(0, 5)).toMatchObject({ status: 200 });
  });

  test('takes nobody else’s word for what it cosigned', async () => {
    const stranger = createCosigner({
      name: cosigner.name,
      privateKey: generateKeyPairSync('ed25519').privateKey,
    });
    published = async () => addSignatures(await log.note(9), [cosign(await log.note(9), stranger, 5n)]);
    expect(await add(0, 5)).toMatchObject({ status: 200 });
    expect(
      parseCheckpoint(parseNote((await findWitnessedHead(database, log.origin))?.note ?? '').text).size,
    ).toBe(5n);
  });

  test('cosigns nothing for a log that it could not ask', async () => {
    published = () => Promise.reject(new Error('away'));
    expect(await add(0, 5)).toMatchObject({ status: 503 });
    published = () => log.note(0);
    expect(await add(0, 5)).toMatchObject({ status: 200 });
  });
});

test('W6: a log that was removed and comes back goes on where it was', async () => {
  await add(0, 5);
  known = false;
  expect(await add(5, 9)).toMatchObject({ status: 404 });
  expect(await witness.findCheckpoint(hashOrigin(log.origin))).toBeDefined();
  known = true;
  witness = createWitness(depsOf());
  expect(await add(0, 9)).toMatchObject({ status: 409, body: '5\n' });
  expect(await add(5, 9)).toMatchObject({ status: 200 });
});
