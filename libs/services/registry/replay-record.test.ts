import { parseManifestReference } from '@dockchains/oci';
import { encodeRecord, type LedgerRecord } from '@dockchains/records';
import { buildImage } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';
import { openReplay } from './replay-record.ts';

let fixture: RegistryFixture;

beforeEach(async () => {
  fixture = await openRegistryFixture();
});

afterEach(async () => {
  await fixture.close();
});

const resolve = (reference: string) => {
  const { registry, principal } = fixture;
  return registry.resolveReference(principal, {
    repository: REPOSITORY,
    reference: parseManifestReference(reference),
  });
};

const replayAll = async (records: readonly LedgerRecord[]): Promise<void> => {
  const replay = openReplay(fixture.blobs, 'public');
  await fixture.database.transaction(async (transaction) => {
    for (const record of records) await replay(transaction, record);
  });
};

const forget = async (): Promise<void> => {
  await fixture.database.query({
    name: 'test-forget',
    text: 'TRUNCATE repository, blob, tag, manifest CASCADE',
  });
};

const history = () =>
  fixture.database.query({
    name: 'test-history',
    text: 'SELECT tag, deleted, digest, media_type, size, record_id, at FROM tag_event ORDER BY position',
  });
const references = () =>
  fixture.database.query({
    name: 'test-references',
    text: 'SELECT manifest_digest, digest FROM manifest_reference ORDER BY 1, 2',
  });

test('brings manifests, tags, their history and the links of their blobs back, and can run twice', async () => {
  const { put, pushBlobs, registry, principal } = fixture;
  const [first, second, dropped] = [buildImage(), buildImage(), buildImage()];
  for (const image of [first, second, dropped]) await pushBlobs(image);
  await put('kept', first);
  await put('moved', first);
  await put('moved', second);
  await put('gone', dropped);
  await fixture.deleteManifest(dropped.descriptor.digest);
  const look = async () => [
    await resolve('kept'),
    await resolve('moved'),
    await resolve(second.descriptor.digest),
    await history(),
    await references(),
  ];
  const before = await look();
  const records = await fixture.takeQueue();

  await forget();
  for (let round = 0; round < 2; round++) {
    await replayAll(records);
    expect(await look()).toEqual(before);
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
  const { put, pushBlobs, deleteManifest, count } = fixture;
  const image = buildImage();
  await pushBlobs(image);
  const { digest } = image.descriptor;
  await put(digest, image);
  await deleteManifest(digest);
  await put(digest, image);
  if (!kept) await deleteManifest(digest);

  // The last record has no index yet; those before it are found again by the recovery.
  const records = await fixture.takeQueue();
  await requeue(records.slice(-1));
  await replayAll(records.slice(dropped - 1, -1));
  expect(await count('manifest')).toBe(kept ? 1 : 0);
});

test.each([{ last: 'move' }, { last: 'deletion' }])(
  'leaves a tag as its queued $last has it',
  async ({ last }) => {
    const { put, pushBlobs, deleteManifest } = fixture;
    const [old, current] = [buildImage(), buildImage()];
    for (const image of [old, current]) await pushBlobs(image);
    await put('1.0', old);
    await put('1.0', current);
    if (last === 'deletion') await deleteManifest('1.0');
    const records = await fixture.takeQueue();
    await requeue(records.slice(-1));
    await replayAll(records.slice(0, -1));
    const found = await resolve('1.0').then(
      ({ digest }) => digest,
      () => undefined,
    );
    expect(found).toBe(last === 'move' ? current.descriptor.digest : undefined);
  },
);

const requeue = async (records: readonly LedgerRecord[]): Promise<void> => {
  for (const record of records) {
    await fixture.database.query(
      {
        name: 'test-queue',
        text: 'INSERT INTO ledger_queue (ledger_id, record_id, entry) SELECT min(id), $1, $2 FROM ledger',
      },
      [record.recordId, encodeRecord(record)],
    );
  }
};

test('leaves absent what the blob store no longer has', async () => {
  const { put, pushBlobs, blobs, count } = fixture;
  const image = buildImage();
  await pushBlobs(image);
  await put('1.0', image);
  const records = await fixture.takeQueue();
  await forget();
  expect(await blobs.setAside(image.descriptor.digest)).toMatchObject({ digest: image.descriptor.digest });
  await replayAll(records);
  expect(await Promise.all([count('manifest'), count('tag')])).toEqual([0, 0]);
});

test('makes a repository private from its withdrawal on, and public again by a later record', async () => {
  const { put, pushBlobs, database } = fixture;
  const image = buildImage();
  await pushBlobs(image);
  await put('1.0', image);
  const records = await fixture.takeQueue();
  const [first] = records;
  if (first?.kind !== 'manifest-published') throw new Error('The push recorded something else.');
  const { organisation, repository, time } = first;
  const withdrawn: LedgerRecord = {
    ...{ kind: 'repository-withdrawn', organisation, repository, time, recordId: first.recordId },
  };
  const visibility = () =>
    database.query({ name: 'test-visibility', text: 'SELECT visibility FROM repository' });

  await forget();
  await replayAll([...records, withdrawn]);
  expect(await visibility()).toEqual([{ visibility: 'private' }]);
  await replayAll(records);
  expect(await visibility()).toEqual([{ visibility: 'public' }]);
});
