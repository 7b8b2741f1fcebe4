import { generateKeyPairSync, randomBytes } from 'node:crypto';

import { type Database, openDatabase } from '@dockchains/database';
import { createTestDatabase } from '@dockchains/testing';
import {
  type Cosigner,
  createCosigner,
  createNoteSigner,
  encodeAddCheckpoint,
  type Equivocation,
  parseOrigin,
  parseVerifierKey,
  signCheckpoint,
} from '@dockchains/tlog';
import { afterAll, beforeEach } from 'vitest';

import { createWitness, type Witness, type WitnessAnswer, type WitnessDeps } from '../witness.ts';
import { type GrowingLog, makeGrowingLog } from './growing-log.ts';

/** What the witness takes for the time. */
export const NOW = new Date('2026-05-01T00:00:00.000Z');

/** A witness, and another log for it in each test; a test may put others in their places. */
export interface WitnessFixture {
  readonly database: Database;
  readonly databaseUrl: string;
  log: GrowingLog;
  witness: Witness;
  /** Whether the witness knows the log. */
  known: boolean;
  /** The checkpoint that the log shows. */
  published: () => Promise<string>;
  /** What was reported against the log. */
  conflicts: Equivocation[];
  suspected: string[];
  readonly cosigner: Cosigner;
  /** What a witness needs, but for changes. */
  readonly depsOf: (changes?: Partial<WitnessDeps>) => WitnessDeps;
  /** Asks for a cosignature as the log does. */
  readonly add: (oldSize: number, size: number) => Promise<WitnessAnswer>;
  readonly addBody: (body: string | Uint8Array) => Promise<WitnessAnswer>;
  /** A request for a size, with other parts than its own. */
  readonly bodyOf: (
    size: number,
    changes: { old?: number; proof?: Uint8Array[]; note?: string },
  ) => Promise<string>;
  /** A note of the log, rightly signed, with a root that is not its own. */
  readonly forkAt: (size: bigint) => string;
}

/** Makes the database for the tests of a file. */
export async function openWitnessFixture(): Promise<WitnessFixture> {
  const testDatabase = await createTestDatabase();
  const database = openDatabase(testDatabase.url);
  const cosigner = createCosigner({
    name: 'acme.example/witness',
    privateKey: generateKeyPairSync('ed25519').privateKey,
  });
  const depsOf = (changes: Partial<WitnessDeps> = {}): WitnessDeps => ({
    ...{ database, cosigner, clock: () => NOW },
    findLog: (origin) =>
      Promise.resolve(
        on.known && origin === on.log.origin
          ? { keys: [parseVerifierKey(on.log.verifierKey)], checkpointUrl: 'http://globex.example/log' }
          : undefined,
      ),
    refreshLog: () => Promise.resolve(false),
    fetchCheckpoint: () => on.published(),
    isFrozen: () => Promise.resolve(false),
    findHold: () => Promise.resolve(undefined),
    reportConflict: (_origin, equivocation) => {
      on.conflicts.push(equivocation);
      return Promise.resolve();
    },
    suspect: (_origin, note) => {
      on.suspected.push(note);
      return Promise.resolve();
    },
    ...changes,
  });
  const addBody = (body: string | Uint8Array): Promise<WitnessAnswer> =>
    on.witness.addCheckpoint(Buffer.from(body));
  const begin = async () => ({
    log: await makeGrowingLog({ organisation: `o${randomBytes(4).toString('hex')}.example` }),
    witness: createWitness(depsOf()),
    known: true,
    published: () => on.log.note(0),
    conflicts: [],
    suspected: [],
  });
  const on: WitnessFixture = {
    ...(await begin()),
    ...{ database, databaseUrl: testDatabase.url, cosigner, depsOf, addBody },
    add: async (oldSize, size) => on.witness.addCheckpoint(await on.log.submission(oldSize, size)),
    bodyOf: async (size, changes) =>
      encodeAddCheckpoint({
        oldSize: BigInt(changes.old ?? 0),
        proof: changes.proof ?? [],
        note: changes.note ?? (await on.log.note(size)),
      }),
    forkAt: (size) =>
      signCheckpoint(
        { origin: parseOrigin(on.log.origin), size, root: new Uint8Array(32).fill(7) },
        createNoteSigner({ name: on.log.origin, privateKey: on.log.privateKey }),
      ),
  };
  beforeEach(async () => {
    Object.assign(on, await begin());
  });
  afterAll(async () => {
    await database.close();
    await testDatabase.drop();
  });
  return on;
}
