import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openFileTileStore } from '@dockchains/blobs';
import { type Database, openDatabase } from '@dockchains/database';
import { parseDigest } from '@dockchains/oci';
import { type ManifestRecord, parseRecordId } from '@dockchains/records';
import { createTestDatabase } from '@dockchains/testing';
import { createNoteSigner, parseOrigin } from '@dockchains/tlog';

import { beginLedger } from '../begin.ts';
import type { LedgerContext, LedgerDeps } from '../context.ts';
import { type Ledger, openLedger } from '../ledger.ts';

/** The ledger that tests open where they name no other. */
export const ORIGIN = parseOrigin('acme.example/ledger/public');

const { privateKey } = generateKeyPairSync('ed25519');

/** The key that signs for that ledger. */
export const fixtureVerifierKey = createNoteSigner({ name: ORIGIN, privateKey }).verifierKey;

/** A tile store and a keys folder of a test's own, and as many databases as it wants beside them. */
export interface LedgerFixture {
  readonly folder: string;
  /** A migrated database of its own. */
  openDatabase(): Promise<Database>;
  /** What a ledger over the database and the fixture's folder is opened with. */
  depsOf(database: Database, changes?: Partial<LedgerDeps>): Promise<LedgerDeps>;
  /** The context of a ledger that has begun, for tests of single steps. */
  contextOf(database: Database, changes?: Partial<LedgerDeps>): Promise<LedgerContext>;
  /** Opens a ledger, which `end` closes if nothing did before. */
  openLedger(database: Database, changes?: Partial<LedgerDeps>): Promise<Ledger>;
  /** Closes all ledgers that are open, as the end of a gateway does. */
  closeLedgers(): Promise<void>;
  end(): Promise<void>;
}

/** Makes the fixture; `end` takes everything away again. */
export async function makeFixture(): Promise<LedgerFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-ledger-'));
  const closing: (() => Promise<void>)[] = [];
  const opened: Ledger[] = [];

  const depsOf = async (database: Database, changes: Partial<LedgerDeps> = {}): Promise<LedgerDeps> => ({
    database,
    tiles: await openFileTileStore(folder),
    keysDirectory: join(folder, 'keys'),
    origin: ORIGIN,
    signer: createNoteSigner({ name: changes.origin ?? ORIGIN, privateKey }),
    clock: () => new Date(),
    checkpointIntervalMs: 20,
    replay: () => Promise.resolve(),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    ...changes,
  });

  const closeLedgers = async (): Promise<void> => {
    await Promise.all(opened.splice(0).map((ledger) => ledger.close()));
  };

  return {
    folder,
    async openDatabase() {
      const testDatabase = await createTestDatabase();
      const database = openDatabase(testDatabase.url);
      closing.push(async () => {
        await database.close();
        await testDatabase.drop();
      });
      return database;
    },
    depsOf,
    async contextOf(database, changes) {
      const deps = await depsOf(database, changes);
      return { ...deps, name: 'public', ledgerId: await beginLedger(deps, 'public') };
    },
    async openLedger(database, changes) {
      const ledger = await openLedger(await depsOf(database, changes));
      opened.push(ledger);
      return ledger;
    },
    closeLedgers,
    async end() {
      await closeLedgers();
      for (const close of closing.splice(0)) await close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A new record that sets a tag of a repository. */
export function tagSet(tag: string, repository = 'public/app'): ManifestRecord {
  return {
    kind: 'tag-set',
    organisation: 'acme.example',
    repository,
    recordId: parseRecordId(randomBytes(16).toString('hex')),
    digest: parseDigest(`sha256:${'ab'.repeat(32)}`),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 512,
    tag,
    time: '2026-01-02T03:04:05.678Z',
  };
}
