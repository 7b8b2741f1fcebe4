import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Readable } from '@dockchains/access';
import { openFileTileStore } from '@dockchains/blobs';
import { type Database, openDatabase } from '@dockchains/database';
import {
  generateSealingKey,
  makeScope,
  openWithKey,
  sealingPanelId,
  sealingPublicKey,
} from '@dockchains/escrow';
import { parseDigest } from '@dockchains/oci';
import {
  encodeRecord,
  isSealedEntry,
  type LedgerRecord,
  parseRecordId,
  sealRecord,
  verifyDisclosure,
} from '@dockchains/records';
import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import {
  createNoteSigner,
  EMPTY_ROOT,
  encodeVerifierKey,
  hashLeaf,
  parseOrigin,
  parsePolicy,
  parseProofFile,
  verifyProofFile,
} from '@dockchains/tlog';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { type Ledger, openLedger } from '../ledger.ts';
import { sealingKeysOf } from './scope-keys.ts';

const ORIGIN = parseOrigin('acme.example/ledger/private');
const REPOSITORIES = ['team/app', 'team/other', 'secret/app'];

const sealingKey = generateSealingKey(randomBytes);
const publicKey = sealingPublicKey(sealingKey);
const signer = createNoteSigner({ name: ORIGIN, privateKey: generateKeyPairSync('ed25519').privateKey });

let testDatabase: TestDatabase;
let database: Database;
let folder: string;
let ledger: Ledger;
/** In the order of the ledger: of each repository, its scope's record and then its own two. */
const records = REPOSITORIES.map((repository) => [tagSet(repository, '1.0'), tagSet(repository, '2.0')]);
const openedIds = REPOSITORIES.map(newId);

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  folder = await mkdtemp(join(tmpdir(), 'dockchains-sealed-'));
  ledger = await openLedger({
    database,
    tiles: await openFileTileStore(folder),
    keysDirectory: join(folder, 'keys'),
    origin: ORIGIN,
    signer,
    sealing: {
      keys: sealingKeysOf(sealingKey),
      publicHead: () =>
        Promise.resolve({ origin: parseOrigin('acme.example/ledger/public'), size: 0n, root: EMPTY_ROOT }),
    },
    clock: () => new Date(),
    checkpointIntervalMs: 20,
    replay: () => Promise.resolve(),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  for (const [position, repository] of REPOSITORIES.entries()) {
    await insertScope(repository, openedIds[position] ?? newId(), records[position] ?? []);
  }
  ledger.wake();
  await vi.waitUntil(async () => (await ledger.publishedSize()) === 9n, 60_000);
});

afterAll(async () => {
  await ledger.close();
  await database.close();
  await testDatabase.drop();
  await rm(folder, { recursive: true });
});

function newId() {
  return parseRecordId(randomBytes(16).toString('hex'));
}

function tagSet(repository: string, tag: string): LedgerRecord {
  return {
    kind: 'tag-set',
    organisation: 'acme.example',
    repository,
    recordId: newId(),
    digest: parseDigest(`sha256:${'ab'.repeat(32)}`),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 512,
    tag,
    time: '2026-01-02T03:04:05.678Z',
  };
}

/** Writes what opening a scope and pushing to it write. */
async function insertScope(
  repository: string,
  openedId: ReturnType<typeof newId>,
  contents: readonly LedgerRecord[],
): Promise<void> {
  const scopeId = newId();
  const panelId = sealingPanelId(publicKey);
  const terms = { origin: ORIGIN, scopeId, panelId, publicKey, from: 0, to: 86_400 };
  const scope = makeScope({ ...terms, repository, repoSalt: randomBytes(32) }, randomBytes);
  const D = openWithKey(sealingKey, scope.R);
  const clear = encodeRecord({
    kind: 'scope-opened',
    organisation: 'acme.example',
    recordId: openedId,
    time: '2026-01-02T03:04:05.678Z',
    scopeId,
    label: hex(scope.label),
    panelId: hex(panelId),
    R: hex(scope.R),
    Rbar: hex(scope.Rbar),
    pi: hex(scope.pi),
    repoCommit: hex(scope.repoCommit),
    from: 0,
    to: 86_400,
    asOf: [],
  });
  await database.query(
    {
      name: 'test-insert-scope',
      text: `INSERT INTO scope (scope_id, ledger_id, repository, label, r_point, repo_salt, open_record_id)
             SELECT $1, id, $2, $3, $4, $5, $6 FROM ledger WHERE origin = $7`,
    },
    [scopeId, repository, scope.label, scope.R, randomBytes(32), openedId, ORIGIN],
  );
  await insert(scopeId, { recordId: openedId, entry: clear, body: randomBytes(64) });
  for (const record of contents) {
    const m = encodeRecord(record);
    const { recordId } = record;
    await insert(scopeId, {
      recordId,
      ...sealRecord({ scopeId, label: scope.label, R: scope.R, D, recordId, m }),
    });
  }
}

async function insert(
  scopeId: string,
  { recordId, entry, body }: { recordId: string; entry: Uint8Array; body: Uint8Array },
): Promise<void> {
  await database.query(
    {
      name: 'test-insert-sealed',
      text: `WITH l AS (SELECT id FROM ledger WHERE origin = $5),
             s AS (INSERT INTO sealed_record (ledger_id, record_id, scope_id, body) SELECT id, $1, $2, $3 FROM l)
             INSERT INTO ledger_queue (ledger_id, record_id, entry) SELECT id, $1, $4 FROM l`,
    },
    [recordId, scopeId, body, entry, ORIGIN],
  );
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const readableOf = (...expressions: string[]): Readable => ({
  policies: expressions,
  scopes: ['^.+$'],
  everything: false,
});
const OPERATOR: Readable = { policies: ['^.+$'], scopes: ['^.+$'], everything: true };
const sealedIds = records.flat().map(({ recordId }) => recordId);
const allIds = [...openedIds, ...sealedIds];

describe('entries of a private ledger', () => {
  test('come with what they hide, and sealed as they are', async () => {
    const found = await ledger.findEntries(sealedIds, OPERATOR);
    for (const record of records.flat()) {
      const { entry, statement } = found.get(record.recordId) ?? never();
      expect(isSealedEntry(entry)).toBe(true);
      expect(statement).toEqual(Buffer.from(encodeRecord(record)));
    }
  });

  test.each([
    { name: 'nobody', readable: readableOf(), count: 0 },
    { name: 'one repository', readable: readableOf('^team/app$'), count: 2 },
    { name: 'two of three', readable: readableOf('^team/.+$'), count: 4 },
    { name: 'another one', readable: readableOf('^elsewhere/.+$'), count: 0 },
    {
      name: 'everything by policy and nothing by scope',
      readable: { ...OPERATOR, scopes: [], everything: false },
      count: 0,
    },
    { name: 'every repository, but no operator', readable: { ...OPERATOR, everything: false }, count: 6 },
    { name: 'operators', readable: OPERATOR, count: 9 },
  ])('are there for $name alone', async ({ readable, count }) => {
    expect((await ledger.findEntries(allIds, readable)).size).toBe(count);
    const read = await ledger.readEntries(0n, 100, readable);
    expect(read).toHaveLength(count);
    for (const { statement } of read) expect(Buffer.from(statement).toString()).toContain('"predicate"');
  });

  test('fill their pages with what may be seen', async () => {
    const readable = readableOf('^secret/app$');
    const [first, ...none] = await ledger.readEntries(0n, 1, readable);
    expect([first?.index, none]).toEqual([7n, []]);
    expect((await ledger.readEntries(8n, 1, readable)).map(({ index }) => index)).toEqual([8n]);
    expect(await ledger.readEntries(9n, 1, readable)).toEqual([]);
  });

  test('without their body are not there', async () => {
    const [lost, kept] = [tagSet('team/lost', 'lost'), tagSet('team/lost', 'kept')];
    await insertScope('team/lost', newId(), [lost, kept]);
    ledger.wake();
    await expect.poll(() => ledger.publishedSize()).toBe(12n);
    await database.query({ name: 'test-lose-body', text: `DELETE FROM sealed_record WHERE record_id = $1` }, [
      lost.recordId,
    ]);
    expect((await ledger.findEntries([lost.recordId], OPERATOR)).size).toBe(0);
    for (const readable of [OPERATOR, readableOf('^team/lost$')]) {
      const page = await ledger.readEntries(8n, readable.everything ? 3 : 1, readable);
      expect(page.map(({ index }) => index)).toEqual(readable.everything ? [8n, 9n, 11n] : [11n]);
    }
  });
});

describe('the proof', () => {
  const policy = parsePolicy(`log ${encodeVerifierKey(signer.verifierKey)}\nquorum none\n`);

  test('of a sealed entry carries its disclosure, whose entry is the leaf', async () => {
    const proof = parseProofFile((await ledger.prove(2n)) ?? '');
    const { record, entry } = verifyDisclosure(proof.extra ?? never());
    expect(record).toEqual(records[0]?.[1]);
    expect(verifyProofFile(proof, policy, hashLeaf(entry)).checkpoint.origin).toBe(ORIGIN);
  });

  test("of a scope's record carries the record itself", async () => {
    const proof = parseProofFile((await ledger.prove(0n)) ?? '');
    expect(Buffer.from(proof.extra ?? []).toString()).toContain('scope-opened/v1');
    expect(verifyProofFile(proof, policy, hashLeaf(proof.extra ?? never())).checkpoint.origin).toBe(ORIGIN);
  });
});

function never(): never {
  throw new Error('it is not there');
}
