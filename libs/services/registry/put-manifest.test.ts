import { parseManifestReference, parseTag } from '@dockchains/oci';
import { buildImage, buildIndex } from '@dockchains/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';

let fixture: RegistryFixture;

beforeEach(async () => {
  fixture = await openRegistryFixture();
});

afterEach(async () => {
  await fixture.close();
});

const resolve = async (reference: string) => {
  const { registry, principal } = fixture;
  const found = await registry.resolveReference(principal, {
    repository: REPOSITORY,
    reference: parseManifestReference(reference),
  });
  return found.digest;
};

/** Images whose blobs are in the repository. */
const prepareImages = async (count: number) => {
  const images = Array.from({ length: count }, () => buildImage());
  for (const image of images) await fixture.pushBlobs(image);
  return images;
};

/** Lets work come once before the first statement of the name. */
const comeBefore = (statement: string, work: () => Promise<unknown>): void => {
  let done = false;
  fixture.beforeQuery = async (name) => {
    if (done || name !== statement) return;
    done = true;
    await work();
  };
};

const tagsTold = async (): Promise<unknown[]> =>
  (await fixture.takeQueue())
    .filter((record) => record.kind === 'tag-set')
    .map(({ digest, previous }) => ({ digest, previous }));

describe('pushes that meet others', () => {
  test('of the same tag leave a chain of moves in the ledger, as they committed', async () => {
    const images = await prepareImages(12);
    await Promise.all(images.map((image) => fixture.put('1.0', image)));
    const told = (await tagsTold()) as { digest: string; previous?: string }[];
    expect(told).toHaveLength(12);
    expect(told.map(({ previous }) => previous)).toEqual([
      undefined,
      ...told.slice(0, -1).map(({ digest }) => digest),
    ]);
    expect(await resolve('1.0')).toBe(told.at(-1)?.digest);
    expect(await fixture.count('tag_event')).toBe(12);
  });

  test('of several tags in different orders all succeed', async () => {
    const images = await prepareImages(8);
    const names = ['a', 'b', 'c', 'd'].map(parseTag);
    await Promise.all(
      images.map((image, index) =>
        fixture.registry.putManifest({
          ...{
            principal: fixture.principal,
            repository: REPOSITORY,
            contentType: image.descriptor.mediaType,
          },
          reference: parseManifestReference(names[index % 4] ?? 'a'),
          tags: index % 2 === 0 ? names : names.toReversed(),
          readBytes: () => Promise.resolve(image.bytes),
        }),
      ),
    );
    const digests = await Promise.all(names.map(resolve));
    expect(new Set(digests).size).toBe(1);
    expect(await tagsTold()).toHaveLength(32);
  });

  test('record the move that came between as the previous one', async () => {
    const [first, between, last] = await prepareImages(3);
    if (first === undefined || between === undefined || last === undefined) throw new Error('no images');
    await fixture.put('1.0', first);
    comeBefore('registry_put_manifest', () => fixture.put('1.0', between));
    await fixture.put('1.0', last);
    expect((await tagsTold()).at(-1)).toEqual({
      digest: last.descriptor.digest,
      previous: between.descriptor.digest,
    });
  });

  test('bring back a manifest that was deleted in between, with its tag and on the record', async () => {
    const [image] = await prepareImages(1);
    if (image === undefined) throw new Error('no image');
    const before = await fixture.put('1.0', image);
    comeBefore('registry_put_manifest', () => fixture.deleteManifest(image.descriptor.digest));
    const after = await fixture.put('2.0', image);
    expect(after.recordId).not.toBe(before.recordId);
    expect(await resolve('2.0')).toBe(image.descriptor.digest);
    expect((await fixture.takeQueue()).map(({ kind }) => kind)).toEqual([
      ...['manifest-published', 'tag-set', 'tag-deleted', 'manifest-deleted'],
      ...['manifest-published', 'tag-set'],
    ]);
  });

  test('name a blob that was deleted in between, and leave no row', async () => {
    const [image] = await prepareImages(1);
    const digest = image?.blobs[0]?.descriptor.digest;
    if (image === undefined || digest === undefined) throw new Error('no image');
    const { registry, principal } = fixture;
    comeBefore('registry_put_manifest', () =>
      registry.deleteBlob({ principal, repository: REPOSITORY, digest }),
    );
    await expect(fixture.put('1.0', image)).rejects.toMatchObject({
      code: 'MANIFEST_BLOB_UNKNOWN',
      detail: { digest },
    });
    expect(await Promise.all([fixture.count('manifest'), fixture.count('tag_event')])).toEqual([0, 0]);
  });
});

test('a push that changes nothing gives its old record and writes nothing', async () => {
  const [image] = await prepareImages(1);
  if (image === undefined) throw new Error('no image');
  const { recordId } = await fixture.put('1.0', image);
  await fixture.takeQueue();
  const statements: string[] = [];
  fixture.beforeQuery = (name) => Promise.resolve(void statements.push(name));
  expect(await fixture.put('1.0', image)).toMatchObject({ recordId });
  expect(statements).toEqual(['registry_read_push_state', 'registry_lease_manifest']);
  expect(await fixture.takeQueue()).toEqual([]);
  expect(await fixture.count('tag_event')).toBe(1);
});

test('a push that names content which is not there leaves nothing in database and store', async () => {
  const image = buildImage();
  for (const refused of [image, buildIndex([image])]) {
    await expect(fixture.put('1.0', refused)).rejects.toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' });
    expect(await fixture.blobs.stat(refused.descriptor.digest)).toBeUndefined();
  }
  const tables = ['repository', 'manifest', 'blob', 'blob_lease', 'tag_event'] as const;
  expect(await Promise.all(tables.map(fixture.count))).toEqual([0, 0, 0, 0, 0]);
});

describe('rights to tags', () => {
  test.each([
    { actions: ['push'] as const, creates: false, moves: false },
    { actions: ['push', 'tag:create'] as const, creates: true, moves: false },
    { actions: ['push', 'tag:move'] as const, creates: false, moves: true },
  ])('$actions create tags: $creates, move them: $moves', async ({ actions, creates, moves }) => {
    const [first, second] = await prepareImages(2);
    if (first === undefined || second === undefined) throw new Error('no images');
    await fixture.put('there', first);
    const principal = await fixture.createPrincipal('narrow', 'public/**', actions);
    const denied = expect.objectContaining({ code: 'DENIED' }) as unknown;
    const attempt = (tag: string) =>
      fixture.put(tag, second, principal).then(
        () => 'done',
        (error: unknown) => error,
      );
    expect(await attempt('new')).toEqual(creates ? 'done' : denied);
    expect(await attempt('there')).toEqual(moves ? 'done' : denied);
    // Neither by digest nor where nothing changes is a tag's right asked for.
    expect(await fixture.put(second.descriptor.digest, second, principal)).toBeDefined();
    expect(await fixture.put('there', moves ? second : first, principal)).toBeDefined();
  });

  test('nobody moves or deletes an immutable tag, nor deletes what it names', async () => {
    const [first, second] = await prepareImages(2);
    if (first === undefined || second === undefined) throw new Error('no images');
    await fixture.access.addImmutableRule({ pattern: 'public/**', tags: 'v*' });
    const { recordId } = await fixture.put('v1', first);
    await fixture.put('other', first);
    const denied = { code: 'DENIED' };
    await expect(fixture.put('v1', second)).rejects.toMatchObject(denied);
    await expect(fixture.deleteManifest('v1')).rejects.toMatchObject(denied);
    await expect(fixture.deleteManifest(first.descriptor.digest)).rejects.toMatchObject(denied);
    expect(await fixture.blobs.stat(second.descriptor.digest)).toBeUndefined();
    expect(await fixture.put('v1', first)).toMatchObject({ recordId });
    await fixture.deleteManifest('other');
    expect(await resolve('v1')).toBe(first.descriptor.digest);
  });
});

test('a deletion by tag leaves other tags, one by digest takes all, and leases what was needed', async () => {
  const [image] = await prepareImages(1);
  if (image === undefined) throw new Error('no image');
  for (const tag of ['a', 'b', 'c']) await fixture.put(tag, image);
  await fixture.deleteManifest('a');
  expect(await resolve('b')).toBe(image.descriptor.digest);
  await fixture.database.query({ name: 'test-end-leases', text: 'DELETE FROM blob_lease' });
  comeBefore('registry_delete_manifest', () => fixture.put('d', image));
  await fixture.deleteManifest(image.descriptor.digest);

  const told = (await fixture.takeQueue()).slice(-4);
  expect(told.map((record) => ('tag' in record ? record.tag : record.kind))).toEqual([
    ...['b', 'c', 'd', 'manifest-deleted'],
  ]);
  expect(await fixture.count('blob_lease')).toBe(image.blobs.length + 1);
  expect(await fixture.count('manifest_reference')).toBe(0);
  const { registry, principal } = fixture;
  const history = await registry.listTagHistory({
    ...{ principal, repository: REPOSITORY, tag: parseTag('d'), limit: 10 },
  });
  expect(history.items).toHaveLength(2);
});
