import { Readable } from 'node:stream';

import { ANONYMOUS } from '@dockchains/access';
import {
  type Digest,
  parseManifest,
  parseManifestReference,
  parseRepositoryName,
  parseTag,
} from '@dockchains/oci';
import { type ManifestRecord, parseRecordId } from '@dockchains/records';
import { buildImage, type BuiltManifest } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { FetchedManifest } from './mirrors.ts';
import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';

const MIRROR = parseRepositoryName('globex.example/public/app');
const LEASE_MS = 3_600_000;

let fixture: RegistryFixture;
let records = 0;

beforeEach(async () => {
  fixture = await openRegistryFixture();
});
afterEach(() => fixture.close());

/** What a record of one kind says beside whose it is and when it was made. */
type Facts<Told extends ManifestRecord = ManifestRecord> = Told extends ManifestRecord
  ? Omit<Told, 'organisation' | 'repository' | 'time' | 'recordId'>
  : never;

const record = (facts: Facts): ManifestRecord => {
  records += 1;
  return {
    ...facts,
    ...{ organisation: 'globex.example', repository: 'public/app', time: '2026-01-01T00:00:00.000Z' },
    recordId: parseRecordId(records.toString(16).padStart(32, '0')),
  };
};

const published = (image: BuiltManifest): ManifestRecord => {
  const { digest, mediaType, size } = image.descriptor;
  return record({ kind: 'manifest-published', digest, mediaType, size });
};
const tagSet = (tag: string, image: BuiltManifest): ManifestRecord => {
  const { digest, mediaType, size } = image.descriptor;
  return record({ kind: 'tag-set', tag, digest, mediaType, size });
};

const fetchedOf = ({ descriptor, bytes }: BuiltManifest): FetchedManifest => ({
  ...{ digest: descriptor.digest, bytes, manifest: parseManifest(bytes, descriptor.mediaType) },
});

const apply = async (list: readonly ManifestRecord[], ...images: BuiltManifest[]): Promise<void> => {
  const kept = new Map<Digest, FetchedManifest>();
  for (const image of images) kept.set(image.descriptor.digest, fetchedOf(image));
  await fixture.registry.mirrors.keepManifests(MIRROR, [...kept.values()]);
  await fixture.database.transaction(async (transaction) => {
    const writer = fixture.registry.mirrors.begin(transaction);
    for (const one of list) await writer.apply(one, { repository: MIRROR, kept });
  });
};

const pull = (reference: string) =>
  fixture.registry.getManifest({
    ...{ principal: ANONYMOUS, repository: MIRROR, reference: parseManifestReference(reference) },
  });

const push = async (...images: BuiltManifest[]): Promise<void> => {
  for (const image of images) await fixture.pushBlobs(image);
};

test('what the origin’s records say can be pulled under its name, and a second time changes nothing', async () => {
  const [first, second] = [buildImage(), buildImage()];
  const told = [published(first), tagSet('1.0', first), published(second), tagSet('1.0', second)];
  await apply(told, first, second);
  await apply(told, first, second);
  const pulled = await pull('1.0');
  expect(pulled.digest).toBe(second.descriptor.digest);
  expect(await pulled.read()).toEqual(second.bytes);
  expect((await pull(first.descriptor.digest)).digest).toBe(first.descriptor.digest);
  const history = await fixture.registry.listTagHistory({
    ...{ principal: ANONYMOUS, repository: MIRROR, tag: parseTag('1.0'), limit: 10 },
  });
  expect(history.items.map(({ digest }) => digest)).toEqual([
    second.descriptor.digest,
    first.descriptor.digest,
  ]);
  expect(await fixture.takeQueue()).toEqual([]);
});

test('a tag whose manifest could not be had is not left at what it named before', async () => {
  const [first, lost] = [buildImage(), buildImage()];
  await apply([published(first), tagSet('1.0', first)], first);
  await apply([published(lost), tagSet('1.0', lost)]);
  await expect(pull('1.0')).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
});

test('deletions follow', async () => {
  const [first, second] = [buildImage(), buildImage()];
  await apply([published(first), tagSet('a', first), tagSet('b', first), published(second)], first, second);
  await apply([record({ kind: 'tag-deleted', tag: 'a', digest: first.descriptor.digest })]);
  await expect(pull('a')).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
  expect((await pull('b')).digest).toBe(first.descriptor.digest);
  await apply([record({ kind: 'manifest-deleted', digest: first.descriptor.digest })]);
  await expect(pull('b')).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
  expect((await pull(second.descriptor.digest)).digest).toBe(second.descriptor.digest);
});

test('a manifest that is deleted and published again within a page is there', async () => {
  const image = buildImage();
  const deleted = record({ kind: 'manifest-deleted', digest: image.descriptor.digest });
  await apply([published(image), tagSet('1.0', image), deleted, published(image)], image);
  expect((await pull(image.descriptor.digest)).digest).toBe(image.descriptor.digest);
  await expect(pull('1.0')).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
});

test('a repository that is withdrawn and published to again within a page shows what came behind', async () => {
  const [first, second] = [buildImage(), buildImage()];
  await fixture.registry.mirrors.keepManifests(MIRROR, [fetchedOf(first), fetchedOf(second)]);
  const kept = new Map([first, second].map((image) => [image.descriptor.digest, fetchedOf(image)]));
  await fixture.database.transaction(async (transaction) => {
    const writer = fixture.registry.mirrors.begin(transaction);
    await writer.apply(published(first), { repository: MIRROR, kept });
    await writer.withdraw(MIRROR);
    await writer.apply(published(second), { repository: MIRROR, kept });
  });
  expect((await pull(second.descriptor.digest)).digest).toBe(second.descriptor.digest);
  await expect(pull(first.descriptor.digest)).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
});

test('the blobs that a mirror has are not missing', async () => {
  const image = buildImage();
  await apply([published(image)], image);
  await push(image);
  const digests = image.blobs.map(({ descriptor }) => descriptor.digest);
  const [first, ...rest] = digests;
  expect(await fixture.registry.mirrors.listMissingBlobs(MIRROR, digests)).toEqual(digests);
  expect(first !== undefined && (await fixture.registry.mirrors.ensureLinked(MIRROR, first))).toBe(true);
  expect(await fixture.registry.mirrors.listMissingBlobs(MIRROR, digests)).toEqual(rest);
});

test('a withdrawn repository is nobody’s to pull, and its content goes after a lease', async () => {
  const image = buildImage();
  await apply([published(image), tagSet('1.0', image)], image);
  await fixture.database.transaction((transaction) =>
    fixture.registry.mirrors.begin(transaction).withdraw(MIRROR),
  );
  await expect(pull('1.0')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  fixture.now = new Date(fixture.now.getTime() + LEASE_MS);
  await fixture.registry.runCollection(new AbortController().signal);
  expect(await fixture.blobs.stat(image.descriptor.digest)).toBeUndefined();
});

test('only the blobs that a manifest needs are to be fetched, and of the size that it says', async () => {
  const [image, other] = [buildImage(), buildImage()];
  await apply([published(image)], image);
  for (const { descriptor } of image.blobs) {
    expect(await fixture.registry.mirrors.findNeeded(MIRROR, descriptor.digest)).toEqual({
      size: descriptor.size,
    });
  }
  for (const { descriptor } of other.blobs) {
    expect(await fixture.registry.mirrors.findNeeded(MIRROR, descriptor.digest)).toBeUndefined();
  }
});

test('what a private repository holds is not linked to a mirror that names it, what a public one holds is', async () => {
  await fixture.access.setNamespaceRule('secret/**', 'private');
  const insider = await fixture.createPrincipal('insider', 'secret/**');
  const [hidden, open] = [buildImage(), buildImage()];
  for (const { bytes, descriptor } of hidden.blobs) {
    await fixture.registry.putBlob({
      ...{ principal: insider, repository: parseRepositoryName('secret/app') },
      ...{ digest: descriptor.digest, source: Readable.from([bytes]) },
    });
  }
  await push(open);
  await apply([published(hidden), published(open)], hidden, open);
  for (const { descriptor } of hidden.blobs) {
    expect(await fixture.registry.mirrors.ensureLinked(MIRROR, descriptor.digest)).toBe(false);
    const asked = { principal: ANONYMOUS, repository: MIRROR, digest: descriptor.digest };
    await expect(fixture.registry.getBlob(asked)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
  }
  for (const { descriptor } of open.blobs) {
    expect(await fixture.registry.mirrors.ensureLinked(MIRROR, descriptor.digest)).toBe(true);
    // And again, where it has it.
    expect(await fixture.registry.mirrors.ensureLinked(MIRROR, descriptor.digest)).toBe(true);
    const asked = { principal: ANONYMOUS, repository: MIRROR, digest: descriptor.digest };
    expect((await fixture.registry.getBlob(asked)).size).toBe(descriptor.size);
  }
});

test('collection leaves what mirrors need, and untagged manifests of theirs are not ours to delete', async () => {
  const image = buildImage();
  await push(image);
  await apply([published(image)], image);
  for (const { descriptor } of image.blobs)
    await fixture.registry.mirrors.ensureLinked(MIRROR, descriptor.digest);
  fixture.now = new Date(fixture.now.getTime() + 2 * LEASE_MS);
  const { id } = await fixture.createPrincipal('operator', '**', ['admin']);
  const principal = { id, scopes: [{ type: 'repository', name: '**', actions: ['admin'] }] };
  const { items } = await fixture.registry.collect({ principal, untagged: true });
  expect(items.every(({ repository }) => repository === REPOSITORY)).toBe(true);
  for (const { descriptor } of image.blobs) {
    expect(await fixture.blobs.stat(descriptor.digest)).toBeDefined();
  }
  expect((await pull(image.descriptor.digest)).digest).toBe(image.descriptor.digest);
});
