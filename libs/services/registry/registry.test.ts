import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { type Access, AccessError, type Action, createAccess, type Principal } from '@dockchains/access';
import { type BlobStore, openFileBlobStore } from '@dockchains/blobs';
import { type Database, migrate, openDatabase } from '@dockchains/database';
import { gatherLedgers, type Ledger, LedgerError } from '@dockchains/ledger';
import { isDigest, parseManifestReference, parseRepositoryName, referrersTag } from '@dockchains/oci';
import { encodeRecord, type LedgerRecord } from '@dockchains/records';
import {
  buildImage,
  buildIndex,
  type BuiltManifest,
  createTestDatabase,
  type TestDatabase,
} from '@dockchains/testing';
import { hashLeaf, parseOrigin } from '@dockchains/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { createRegistry, type Registry } from './registry.ts';
import { openReplay } from './replay-record.ts';

const DAY_MS = 86_400_000;
const REPOSITORY = parseRepositoryName('public/app');
const ACTIONS: Action[] = ['pull', 'push', 'tag:create', 'tag:move', 'delete'];

let testDatabase: TestDatabase;
let database: Database;
let folder: string;
let blobs: BlobStore;
let access: Access;
let registry: Registry;
let principal: Principal;
let appended: LedgerRecord[];
let frozen: boolean;
let now: Date;

/** A ledger that remembers what it was given, and can refuse it. */
const ledger: Pick<Ledger, 'origin' | 'append' | 'requireWritable' | 'wake' | 'findEntry'> = {
  origin: parseOrigin('acme.example/ledger/public'),
  append: (_transaction, records) => {
    if (frozen) return Promise.reject(new LedgerError('FROZEN', 'The ledger is frozen.'));
    appended.push(...records);
    const leafHash = hashLeaf(new Uint8Array());
    return Promise.resolve(records.map(({ recordId }) => ({ recordId, leafHash })));
  },
  requireWritable: () => undefined,
  wake: () => undefined,
  findEntry: () => Promise.resolve(undefined),
};

beforeEach(async () => {
  testDatabase = await createTestDatabase();
  await migrate(testDatabase.url);
  database = openDatabase(testDatabase.url);
  folder = await mkdtemp(join(tmpdir(), 'dockchains-registry-'));
  blobs = await openFileBlobStore(folder);
  [appended, frozen, now] = [[], false, new Date()];
  const organisation = 'acme.example';
  const [tokenKey, receiptKey] = [
    generateKeyPairSync('ed25519').privateKey,
    generateKeyPairSync('ed25519').privateKey,
  ];
  const clock = (): Date => now;
  access = createAccess({ database, tokenKey, organisation, clock, publicUrl: 'http://127.0.0.1' });
  await access.setNamespaceRule('public/**', 'public');
  principal = await createPrincipal('publisher', 'public/**');
  const ledgers = gatherLedgers({ public: ledger as Ledger, private: ledger as Ledger });
  const stores = { database, blobs, access, ledgers };
  registry = createRegistry({ ...stores, receiptKey, organisation, clock, randomBytes });
});

afterEach(async () => {
  await database.close();
  await testDatabase.drop();
  await rm(folder, { recursive: true });
});

const createPrincipal = async (username: string, pattern: string): Promise<Principal> => {
  const policies = [{ pattern, actions: ACTIONS }];
  const { id } = await access.createAccount({ username, password: 'a-long-password', policies });
  return { id, scopes: [{ type: 'repository', name: '**', actions: ACTIONS }] };
};

const pushBlobs = async (image: BuiltManifest, repository = REPOSITORY): Promise<void> => {
  for (const { bytes, descriptor } of image.blobs) {
    await registry.putBlob({
      principal,
      repository,
      digest: descriptor.digest,
      source: Readable.from([bytes]),
    });
  }
};

const put = (reference: string, image: BuiltManifest | BuiltManifest['manifests'][number]) =>
  registry.putManifest({
    ...{ principal, repository: REPOSITORY, reference: parseManifestReference(reference) },
    ...{ contentType: image.descriptor.mediaType, readBytes: () => Promise.resolve(image.bytes) },
  });

const resolve = (reference: string) =>
  registry.resolveReference(principal, {
    repository: REPOSITORY,
    reference: parseManifestReference(reference),
  });

const count = async (table: 'repository' | 'manifest' | 'tag' | 'upload'): Promise<number> => {
  const text = `SELECT count(*)::int AS rows FROM ${table}`;
  const [row] = await database.query<{ rows: number }>({ name: `test-count-${table}`, text });
  return row?.rows ?? 0;
};

describe('a ledger that refuses records', () => {
  test('leaves nothing of a push or a deletion behind', async () => {
    const image = buildImage();
    frozen = true;
    const empty = buildIndex([]);
    await expect(put('1.0', empty)).rejects.toMatchObject({ code: 'FROZEN' });
    expect(await Promise.all([count('repository'), count('manifest'), count('tag')])).toEqual([0, 0, 0]);

    frozen = false;
    await pushBlobs(image);
    const { recordId } = await put('1.0', image);
    frozen = true;
    await expect(put('1.0', empty)).rejects.toMatchObject({ code: 'FROZEN' });
    for (const text of ['1.0', image.descriptor.digest]) {
      const reference = parseManifestReference(text);
      const deleted = registry.deleteManifest({ principal, repository: REPOSITORY, reference });
      await expect(deleted).rejects.toMatchObject({ code: 'FROZEN' });
    }
    expect(await resolve('1.0')).toMatchObject({ digest: image.descriptor.digest, recordId });
  });
});

describe('uploads', () => {
  test('are swept a day after their last chunk, and files that have no session as well', async () => {
    const id = await registry.startUpload({ principal, repository: REPOSITORY });
    await blobs.createUpload('orphan');
    now = new Date(now.getTime() + DAY_MS - 1000);
    await registry.appendUpload({
      principal,
      repository: REPOSITORY,
      id,
      source: Readable.from([Buffer.from('a')]),
    });
    expect(await registry.sweepUploads()).toBe(0);

    now = new Date(now.getTime() + 2000);
    expect(await registry.sweepUploads()).toBe(1);
    expect((await blobs.listUploads()).map((upload) => upload.id)).toEqual([id]);
    now = new Date(now.getTime() + DAY_MS);
    await expect(registry.getUpload({ principal, repository: REPOSITORY, id })).rejects.toMatchObject({
      code: 'BLOB_UPLOAD_UNKNOWN',
    });
    expect(await registry.sweepUploads()).toBe(1);
    expect(await blobs.listUploads()).toEqual([]);
    expect(await count('upload')).toBe(0);
  });

  test('a whole blob whose bytes do not fit its digest leaves nothing', async () => {
    const digest = buildImage().descriptor.digest;
    const source = Readable.from([Buffer.from('other')]);
    await expect(
      registry.putBlob({ principal, repository: REPOSITORY, digest, source }),
    ).rejects.toMatchObject({
      code: 'DIGEST_INVALID',
    });
    expect(await blobs.listUploads()).toEqual([]);
    expect(await blobs.stat(digest)).toBeUndefined();
  });
});

describe('mounting', () => {
  test('takes a blob from repositories that the caller may pull, and from no other', async () => {
    await database.query({
      name: 'test-private-repository',
      text: `INSERT INTO repository (name, visibility) VALUES ('private/app', 'private')`,
    });
    const image = buildImage();
    const [blob] = image.blobs;
    const digest = blob?.descriptor.digest ?? image.descriptor.digest;
    const owner = await createPrincipal('owner', '**');
    const repository = parseRepositoryName('private/app');
    await registry.putBlob({
      principal: owner,
      repository,
      digest,
      source: Readable.from([blob?.bytes ?? '']),
    });

    const mount = { principal, repository: REPOSITORY, digest };
    expect(await registry.mountBlob(mount)).toBe(false);
    expect(await registry.mountBlob({ ...mount, from: repository })).toBe(false);
    await expect(registry.getBlob(mount)).rejects.toThrow();
    expect(await registry.mountBlob({ ...mount, principal: owner })).toBe(true);
    expect((await registry.getBlob(mount)).size).toBe(blob?.bytes.length);
    const elsewhere = registry.mountBlob({ ...mount, repository: parseRepositoryName('private/app') });
    await expect(elsewhere).rejects.toBeInstanceOf(AccessError);
  });
});

describe('referrers', () => {
  test('are listed in pages that are bounded in bytes, also those that came under a fallback tag', async () => {
    const subject = buildImage();
    const note = 'n'.repeat(1_500_000);
    const referrers = Array.from({ length: 4 }, () =>
      buildImage({ subject: subject.descriptor, artifactType: 'application/x-note', annotations: { note } }),
    );
    for (const image of [subject, ...referrers]) {
      await pushBlobs(image);
      await put(image.descriptor.digest, image);
    }
    await put(referrersTag(subject.descriptor.digest), buildIndex(referrers));

    const found: string[] = [];
    let pages = 0;
    for (let after: string | undefined = ''; after !== undefined; pages++) {
      const page = await registry.listReferrers({
        ...{ principal, repository: REPOSITORY, subject: subject.descriptor.digest, after, limit: 100 },
      });
      found.push(...page.items.map(({ digest }) => digest));
      after = page.last;
    }
    expect(found).toEqual(referrers.map(({ descriptor }) => descriptor.digest).sort());
    expect(pages).toBe(2);
  });
});

describe('replay', () => {
  const replayAll = async (records: readonly LedgerRecord[]): Promise<void> => {
    const replay = openReplay(blobs);
    await database.transaction(async (transaction) => {
      for (const record of records) await replay(transaction, record);
    });
  };
  const forget = async (): Promise<void> => {
    await database.query({ name: 'test-forget', text: 'TRUNCATE repository, blob, tag, manifest CASCADE' });
  };

  test('brings manifests, tags and the links of their blobs back, and can run twice', async () => {
    const [first, second, dropped] = [buildImage(), buildImage(), buildImage()];
    for (const image of [first, second, dropped]) await pushBlobs(image);
    await put('kept', first);
    await put('moved', first);
    await put('moved', second);
    await put('gone', dropped);
    const reference = parseManifestReference(dropped.descriptor.digest);
    await registry.deleteManifest({ principal, repository: REPOSITORY, reference });
    const before = [await resolve('kept'), await resolve('moved'), await resolve(second.descriptor.digest)];

    await forget();
    for (let round = 0; round < 2; round++) {
      await replayAll(appended);
      const after = [await resolve('kept'), await resolve('moved'), await resolve(second.descriptor.digest)];
      expect(after).toEqual(before);
      await expect(resolve('gone')).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    }
    for (const { descriptor } of first.blobs) {
      const blob = await registry.getBlob({ principal, repository: REPOSITORY, digest: descriptor.digest });
      expect(blob.size).toBe(descriptor.size);
    }
  });

  test.each([
    { name: 'publication', dropped: 1, kept: true },
    { name: 'deletion', dropped: 2, kept: false },
  ])('leaves a manifest as its queued $name has it', async ({ dropped, kept }) => {
    const image = buildImage();
    await pushBlobs(image);
    const { digest } = image.descriptor;
    const deletion = { principal, repository: REPOSITORY, reference: parseManifestReference(digest) };
    await put(digest, image);
    await registry.deleteManifest(deletion);
    await put(digest, image);
    if (!kept) await registry.deleteManifest(deletion);

    // The last record has no index yet; those before it are found again by the recovery.
    const waiting = appended.slice(-1);
    await database.query(
      { name: 'test-ledger', text: `INSERT INTO ledger (origin, root, frontier) VALUES ($1, $2, '')` },
      ['acme.example/ledger/public', randomBytes(32)],
    );
    await database.query(
      {
        name: 'test-queue',
        text: 'INSERT INTO ledger_queue (ledger_id, record_id, entry) SELECT id, $1, $2 FROM ledger',
      },
      [waiting[0]?.recordId ?? '', Buffer.concat(waiting.map(encodeRecord))],
    );
    await replayAll(appended.slice(dropped - 1, -1));
    expect(await count('manifest')).toBe(kept ? 1 : 0);
  });

  test('leaves absent what the blob store no longer has', async () => {
    const image = buildImage();
    await pushBlobs(image);
    await put('1.0', image);
    await forget();
    expect(isDigest(image.descriptor.digest) && (await blobs.delete(image.descriptor.digest))).toBe(true);
    await replayAll(appended);
    expect(await Promise.all([count('manifest'), count('tag')])).toEqual([0, 0]);
  });
});
