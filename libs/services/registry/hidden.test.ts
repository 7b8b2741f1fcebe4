import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { createAccess, type Principal } from '@dockchains/access';
import { openFileBlobStore } from '@dockchains/blobs';
import { type Database, openDatabase, type Transaction } from '@dockchains/database';
import { gatherLedgers, type Ledger } from '@dockchains/ledger';
import { digestOf, parseManifestReference, parseRepositoryName, parseTag } from '@dockchains/oci';
import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { createRegistry, type Registry } from './registry.ts';

const HIDDEN = parseRepositoryName('secret/app');
const ABSENT = parseRepositoryName('absent/app');
const OWN = parseRepositoryName('public/own');
const UPLOAD = 'a'.repeat(32);
const MANIFEST = Buffer.from('{"schemaVersion":2}');
const manifest = digestOf(MANIFEST);
const blob = digestOf(Buffer.from('hidden'));
const nowhere = digestOf(Buffer.from('nowhere'));
const RECORD = 'b'.repeat(32);
const ALL = ['pull', 'push', 'delete'];

let testDatabase: TestDatabase;
let database: Database;
let folder: string;
let registry: Registry;
let statements: string[] = [];
const principals = new Map<string, Principal>();

/** The database, which remembers what it was asked, inside of transactions as well. */
const watch = (real: Database): Database => ({
  get prisma() {
    return real.prisma;
  },
  query: (statement, parameters) => {
    statements.push(statement.name);
    return real.query(statement, parameters);
  },
  transaction: (work) =>
    real.transaction((transaction) =>
      work({
        query: (statement, parameters) => {
          statements.push(statement.name);
          return transaction.query(statement, parameters);
        },
      } satisfies Transaction),
    ),
  tryLock: (key) => real.tryLock(key),
  connections: () => real.connections(),
  close: () => real.close(),
});

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  const real = openDatabase(testDatabase.url);
  database = watch(real);
  folder = await mkdtemp(join(tmpdir(), 'dockchains-hidden-'));
  const [tokenKey, receiptKey] = [
    generateKeyPairSync('ed25519').privateKey,
    generateKeyPairSync('ed25519').privateKey,
  ];
  const clock = (): Date => new Date();
  const organisation = 'acme.example';
  const access = createAccess({ database, tokenKey, organisation, clock, publicUrl: 'http://127.0.0.1' });
  await access.setNamespaceRule('**', 'public');
  const ledger: Pick<Ledger, 'requireWritable'> = { requireWritable: () => undefined };
  const ledgers = gatherLedgers({ public: ledger as Ledger, private: ledger as Ledger });
  const blobs = await openFileBlobStore(folder);
  registry = createRegistry({
    ...{ database, blobs, access, ledgers, receiptKey, organisation, clock, randomBytes },
  });

  const scopes = [{ type: 'repository', name: '**', actions: ALL }];
  principals.set('nobody', { id: undefined, scopes: [] });
  for (const [username, pattern] of [
    ['stranger', 'public/**'],
    ['insider', 'secret/**'],
  ] as const) {
    const policies = [{ pattern, actions: ['push', 'delete'] as const }];
    const { id } = await access.createAccount({ username, password: 'a-long-password', policies });
    principals.set(username, { id, scopes });
  }

  const { id } = await real.prisma.repository.create({ data: { name: HIDDEN, visibility: 'private' } });
  await real.prisma.blob.create({ data: { digest: blob, size: 6n } });
  await real.prisma.repositoryBlob.create({ data: { repositoryId: id, digest: blob } });
  const stored = { mediaType: 'application/vnd.oci.image.manifest.v1+json', size: MANIFEST.length };
  await real.prisma.blobLease.create({ data: { repositoryId: id, digest: manifest, until: new Date() } });
  await real.prisma.manifest.create({
    data: { repositoryId: id, digest: manifest, ...stored, subject: nowhere, recordId: RECORD },
  });
  await real.prisma.tag.create({
    data: { repositoryId: id, name: '1.0', digest: manifest, recordId: RECORD },
  });
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
  await rm(folder, { recursive: true });
});

type Ask = (principal: Principal, repository: typeof HIDDEN) => Promise<unknown>;

const reference = parseManifestReference('1.0');
const page = { limit: 10 };
const bytes = () => Promise.resolve(MANIFEST);
const source = () => Readable.from([MANIFEST]);

const READS: Readonly<Record<string, Ask>> = {
  getManifest: (principal, repository) => registry.getManifest({ principal, repository, reference }),
  'getManifest by digest': (principal, repository) =>
    registry.getManifest({ principal, repository, reference: { kind: 'digest', digest: manifest } }),
  getBlob: (principal, repository) => registry.getBlob({ principal, repository, digest: blob }),
  keepBlob: (principal, repository) => registry.keepBlob({ principal, repository, digest: blob }),
  listTags: (principal, repository) => registry.listTags({ principal, repository, ...page }),
  listTagNames: (principal, repository) => registry.listTagNames({ principal, repository, ...page }),
  listTagHistory: (principal, repository) =>
    registry.listTagHistory({ principal, repository, tag: parseTag('1.0'), ...page }),
  listReferrers: (principal, repository) =>
    registry.listReferrers({ principal, repository, subject: nowhere, ...page }),
  resolveReference: (principal, repository) =>
    registry.resolveReference(principal, { repository, reference }),
};
const WRITES: Readonly<Record<string, Ask>> = {
  putManifest: (principal, repository) =>
    registry.putManifest({ principal, repository, reference, contentType: undefined, readBytes: bytes }),
  deleteManifest: (principal, repository) => registry.deleteManifest({ principal, repository, reference }),
  putBlob: (principal, repository) =>
    registry.putBlob({ principal, repository, digest: manifest, source: source() }),
  deleteBlob: (principal, repository) => registry.deleteBlob({ principal, repository, digest: blob }),
  mountBlob: (principal, repository) => registry.mountBlob({ principal, repository, digest: blob }),
  startUpload: (principal, repository) => registry.startUpload({ principal, repository }),
  getUpload: (principal, repository) => registry.getUpload({ principal, repository, id: UPLOAD }),
  appendUpload: (principal, repository) =>
    registry.appendUpload({ principal, repository, id: UPLOAD, source: source() }),
  finishUpload: (principal, repository) =>
    registry.finishUpload({ principal, repository, id: UPLOAD, source: source(), digest: manifest }),
  cancelUpload: (principal, repository) => registry.cancelUpload({ principal, repository, id: UPLOAD }),
  setVisibility: (principal, repository) =>
    registry.setVisibility({ principal, repository, visibility: 'public' }),
};
// Scans, which are tested below; what the gateway does by itself; what is for operators, and about no repository.
const OTHERS = [
  ...['findByDigest', 'listRepositories', 'findUploadOwner', 'sweepUploads', 'backfillReferences'],
  ...['collect', 'runCollection', 'mirrors'],
];

/** What the caller gets to know, and what the database was asked for it. */
const observe = async (
  who: string,
  ask: (principal: Principal) => Promise<unknown>,
): Promise<{ outcome: unknown; statements: readonly string[] }> => {
  const principal = principals.get(who) ?? expect.fail(`There is no ${who}.`);
  statements = [];
  const outcome = await ask(principal).catch((error: unknown) =>
    error instanceof Error ? { code: 'code' in error ? error.code : 'none', message: error.message } : error,
  );
  return { outcome, statements };
};

const nameless = (value: unknown, name: string): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(name, 'NAME'));

test.each([
  ...Object.entries(READS).map(([name, ask]) => ({ name, ask, codes: ['UNAUTHORIZED', 'NAME_UNKNOWN'] })),
  ...Object.entries(WRITES).map(([name, ask]) => ({ name, ask, codes: ['UNAUTHORIZED', 'DENIED'] })),
])(
  '$name tells nobody and no stranger what is hidden, by answer or by statements',
  async ({ ask, codes }) => {
    for (const [index, who] of ['nobody', 'stranger'].entries()) {
      const hidden = await observe(who, (principal) => ask(principal, HIDDEN));
      const absent = await observe(who, (principal) => ask(principal, ABSENT));
      expect(hidden.outcome).toMatchObject({ code: codes[index] });
      expect(nameless(hidden, HIDDEN)).toEqual(nameless(absent, ABSENT));
    }
  },
);

test('no operation of the registry is left out here', () => {
  const asked = [...Object.keys(READS), ...Object.keys(WRITES)].map((name) => name.replace(/ .*/, ''));
  const known = new Set([...asked, ...OTHERS]);
  expect(Object.keys(registry).filter((name) => !known.has(name))).toEqual([]);
});

test.each(Object.entries(READS))('%s tells an insider', async (_, ask) => {
  const hidden = await observe('insider', (principal) => ask(principal, HIDDEN));
  expect(hidden.outcome).not.toHaveProperty('code');
});

test('mounting from a hidden repository is like mounting from none, named or not', async () => {
  const mount = (options: { from?: typeof HIDDEN; digest: typeof blob }) =>
    observe('stranger', (principal) => registry.mountBlob({ principal, repository: OWN, ...options }));
  const named = await mount({ from: HIDDEN, digest: blob });
  expect(named).toEqual({ outcome: false, statements: expect.any(Array) as string[] });
  expect(nameless(named, HIDDEN)).toEqual(nameless(await mount({ from: ABSENT, digest: blob }), ABSENT));
  expect(await mount({ digest: blob })).toEqual(await mount({ digest: nowhere }));
});

test('a scan finds what is hidden for insiders alone, with as many statements for all', async () => {
  const find = (digest: typeof blob) => (principal: Principal) =>
    registry.findByDigest({ principal, digest, ...page });
  const insider = await observe('insider', find(manifest));
  expect(insider.outcome).toMatchObject({ items: [{ repository: HIDDEN }] });
  for (const who of ['nobody', 'stranger']) {
    expect(await observe(who, find(manifest))).toEqual(await observe(who, find(nowhere)));
  }
  expect((await observe('stranger', find(manifest))).statements).toEqual(insider.statements);
  const list = (principal: Principal) => registry.listRepositories({ principal, ...page });
  expect((await observe('insider', list)).outcome).toMatchObject({ items: [{ name: HIDDEN }] });
  expect((await observe('stranger', list)).outcome).toMatchObject({ items: [] });
  expect((await observe('nobody', list)).outcome).toMatchObject({ items: [] });
});
