import type { Principal } from '@dockchains/access';
import { type Digest, isDigest, parseRepositoryName } from '@dockchains/oci';
import { buildImage, buildIndex, type BuiltManifest } from '@dockchains/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { CollectedItem, CollectionStep } from './collect.ts';
import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';

const LEASE_MS = 3_600_000;
const OTHER = parseRepositoryName('public/other');

let fixture: RegistryFixture;
let operator: Principal;

beforeEach(async () => {
  fixture = await openRegistryFixture();
  const { id } = await fixture.createPrincipal('operator', '**', ['admin']);
  operator = { id, scopes: [{ type: 'repository', name: '**', actions: ['admin'] }] };
});
afterEach(() => fixture.close());

const wait = (ms: number): void => {
  fixture.now = new Date(fixture.now.getTime() + ms);
};

const collectAll = async (
  options: { dryRun?: boolean; untagged?: boolean } = {},
): Promise<{ items: CollectedItem[]; freedFiles: number }> => {
  const items: CollectedItem[] = [];
  let freedFiles = 0;
  let after: string | undefined;
  do {
    const step: CollectionStep = await fixture.registry.collect({
      ...{ principal: operator, ...options },
      ...(after !== undefined && { after }),
    });
    items.push(...step.items);
    freedFiles += step.freedFiles;
    after = step.next;
  } while (after !== undefined);
  return { items, freedFiles };
};

const digestsOf = (...images: readonly BuiltManifest[]): string[] =>
  images.flatMap(({ blobs }) => blobs.map(({ descriptor }) => descriptor.digest));

const stored = async (digest: string): Promise<boolean> =>
  isDigest(digest) && (await fixture.blobs.stat(digest)) !== undefined;

const push = async (reference: string, image: BuiltManifest): Promise<void> => {
  await fixture.pushBlobs(image);
  await fixture.put(reference, image);
};

describe('content', () => {
  test('goes when its lease is over and nothing needs it, link, row and file', async () => {
    const image = buildImage();
    await fixture.pushBlobs(image);
    wait(LEASE_MS - 1);
    expect((await collectAll()).items).toEqual([]);
    wait(1);
    const { items, freedFiles } = await collectAll();
    expect(items.map(({ digest }) => digest).sort()).toEqual(digestsOf(image).sort());
    expect(items.every(({ repository, kind }) => repository === REPOSITORY && kind === 'content')).toBe(true);
    expect(freedFiles).toBe(image.blobs.length);
    for (const digest of digestsOf(image)) expect(await stored(digest)).toBe(false);
    for (const table of ['blob', 'blob_lease', 'blob_removal', 'repository_blob'] as const) {
      expect(await fixture.count(table)).toBe(0);
    }
    expect(await fixture.blobs.listSetAside()).toEqual([]);
  });

  test('that a manifest needs stays, also without a tag, until a lease after the manifest is deleted', async () => {
    const image = buildImage();
    const { digest } = image.descriptor;
    await push(digest, image);
    wait(10 * LEASE_MS);
    expect((await collectAll()).items).toEqual([]);
    expect(await fixture.count('blob_lease')).toBe(0);
    await fixture.deleteManifest(digest);
    wait(LEASE_MS - 1);
    expect((await collectAll()).items).toEqual([]);
    wait(1);
    expect((await collectAll()).freedFiles).toBe(image.blobs.length + 1);
    expect(await stored(digest)).toBe(false);
  });

  test('that another repository holds loses its link alone', async () => {
    const image = buildImage();
    await push('1.0', image);
    const [blob] = image.blobs;
    const digest = blob?.descriptor.digest ?? image.descriptor.digest;
    const { principal, registry } = fixture;
    expect(await registry.mountBlob({ principal, repository: OTHER, digest, from: REPOSITORY })).toBe(true);
    wait(LEASE_MS);
    const { items, freedFiles } = await collectAll();
    expect(items).toMatchObject([{ repository: OTHER, digest }]);
    expect(freedFiles).toBe(0);
    expect(await stored(digest)).toBe(true);
  });

  test('that is a child of an index, or a layer of a build cache index, stays', async () => {
    const child = buildImage();
    await push(child.descriptor.digest, child);
    await fixture.put('all', buildIndex([child]));
    const layer = buildImage();
    await fixture.pushBlobs(layer);
    await fixture.put(
      'cache',
      buildIndex(layer.blobs.map((blob) => ({ ...blob, blobs: [], manifests: [] }))),
    );
    wait(LEASE_MS);
    expect((await collectAll({ untagged: true })).items).toEqual([]);
    for (const digest of digestsOf(child, layer)) expect(await stored(digest)).toBe(true);
  });

  test('without a row, from a crash between file and row, goes by its lease', async () => {
    const image = buildImage();
    let crash = true;
    fixture.beforeQuery = (name) =>
      crash && name === 'registry_link_content' ? Promise.reject(new Error('crash')) : Promise.resolve();
    await expect(fixture.pushBlobs(image)).rejects.toThrow('crash');
    crash = false;
    const [digest = ''] = digestsOf(image);
    expect(await stored(digest)).toBe(true);
    wait(LEASE_MS);
    expect((await collectAll()).freedFiles).toBe(1);
    expect(await stored(digest)).toBe(false);
  });

  test('a dry run says the same beforehand, and changes nothing', async () => {
    const [gone, kept] = [buildImage(), buildImage()];
    await fixture.pushBlobs(gone);
    await push('1.0', kept);
    wait(LEASE_MS);
    const before = await collectAll({ dryRun: true });
    expect(await fixture.count('blob_lease')).toBeGreaterThan(0);
    for (const digest of digestsOf(gone)) expect(await stored(digest)).toBe(true);
    expect(await collectAll()).toEqual(before);
    expect(before.items).toHaveLength(gone.blobs.length);
  });

  test('is left while manifests of an earlier version do not say what they need', async () => {
    const image = buildImage();
    await push('1.0', image);
    const lone = buildImage();
    await fixture.pushBlobs(lone);
    await fixture.database.query({
      name: 'test-old',
      text: 'UPDATE manifest SET has_references = false, needs = NULL',
    });
    wait(LEASE_MS);
    expect((await collectAll()).items).toEqual([]);
    expect((await collectAll({ untagged: true, dryRun: true })).items).toEqual([]);
    await fixture.registry.backfillReferences();
    expect((await collectAll()).items).toHaveLength(lone.blobs.length);
    for (const digest of digestsOf(image)) expect(await stored(digest)).toBe(true);
  });

  test('nothing goes while a ledger refuses records', async () => {
    const image = buildImage();
    await fixture.pushBlobs(image);
    wait(LEASE_MS);
    fixture.frozen = true;
    await expect(collectAll()).rejects.toMatchObject({ code: 'FROZEN' });
    await expect(fixture.registry.runCollection(new AbortController().signal)).rejects.toMatchObject({
      code: 'FROZEN',
    });
    expect(await fixture.count('repository_blob')).toBe(image.blobs.length);
  });

  test('only operators collect', async () => {
    const { registry, principal } = fixture;
    await expect(registry.collect({ principal })).rejects.toMatchObject({ code: 'DENIED' });
    await expect(registry.collect({ principal: operator, after: 'bm9uc2Vuc2U' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });

  test('a run is recorded with what public repositories let go of, once', async () => {
    const [first, second] = [buildImage(), buildImage()];
    await fixture.pushBlobs(first);
    await push('1.0', second);
    wait(LEASE_MS);
    await fixture.takeQueue();
    expect(await fixture.registry.runCollection(new AbortController().signal)).toMatchObject({
      released: first.blobs.length,
      freedFiles: first.blobs.length,
    });
    const bytes = first.blobs.reduce((sum, blob) => sum + blob.bytes.length, 0);
    expect(await fixture.takeQueue()).toMatchObject([
      { kind: 'collection-run', blobs: first.blobs.length, bytes },
    ]);
    await fixture.registry.runCollection(new AbortController().signal);
    expect(await fixture.takeQueue()).toEqual([]);
  });
});

describe('a blob that a pusher was told is there', () => {
  const ask = async (digest: Digest, principal = fixture.principal): Promise<unknown> =>
    fixture.registry.keepBlob({ principal, repository: REPOSITORY, digest });

  test('stays for a lease from then on, if its lease was half over', async () => {
    const image = buildImage();
    await fixture.pushBlobs(image);
    const [digest] = image.blobs.map(({ descriptor }) => descriptor.digest);
    if (digest === undefined) throw new Error('The image has no blob.');
    wait(0.6 * LEASE_MS);
    await ask(digest);
    wait(0.6 * LEASE_MS);
    await collectAll();
    expect(await stored(digest)).toBe(true);
    wait(0.6 * LEASE_MS);
    await collectAll();
    expect(await stored(digest)).toBe(false);
    await expect(ask(digest)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
  });

  test('does not stay for readers', async () => {
    const image = buildImage();
    await fixture.pushBlobs(image);
    const reader = await fixture.createPrincipal('reader', 'public/**', ['pull']);
    wait(0.6 * LEASE_MS);
    for (const { descriptor } of image.blobs) await ask(descriptor.digest, reader);
    wait(0.6 * LEASE_MS);
    await collectAll();
    expect(await fixture.count('repository_blob')).toBe(0);
  });
});

test('a blob that a manifest needs is not deleted, and one that nothing needs is', async () => {
  const image = buildImage();
  await push('1.0', image);
  const { registry, principal } = fixture;
  const [blob] = image.blobs;
  const request = {
    principal,
    repository: REPOSITORY,
    digest: blob?.descriptor.digest ?? image.descriptor.digest,
  };
  await expect(registry.deleteBlob(request)).rejects.toMatchObject({ code: 'UNSUPPORTED', status: 405 });
  await fixture.deleteManifest(image.descriptor.digest);
  await registry.deleteBlob(request);
  await expect(registry.getBlob(request)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
  wait(LEASE_MS);
  expect((await collectAll()).freedFiles).toBe(image.blobs.length + 1);
});

describe('untagged manifests', () => {
  test('go with their children and referrers, parents first, on the record; what a tag reaches stays', async () => {
    const [kept, child, lone] = [buildImage(), buildImage(), buildImage()];
    for (const image of [kept, child, lone]) await push(image.descriptor.digest, image);
    await fixture.put('all', buildIndex([kept]));
    const index = buildIndex([child]);
    await fixture.put(index.descriptor.digest, index);
    const signature = buildImage({ subject: kept.descriptor });
    const orphan = buildImage({ subject: lone.descriptor });
    for (const image of [signature, orphan]) await push(image.descriptor.digest, image);
    await fixture.takeQueue();

    expect((await collectAll({ untagged: true })).items).toEqual([]);
    wait(LEASE_MS);
    const doomed = [child, lone, index, orphan].map(({ descriptor }) => descriptor.digest).sort();
    const manifestsOf = ({ items }: { items: CollectedItem[] }): string[] =>
      items.filter(({ kind }) => kind === 'manifest').map(({ digest }) => digest);
    expect(manifestsOf(await collectAll({ untagged: true, dryRun: true })).sort()).toEqual(doomed);
    const went = manifestsOf(await collectAll({ untagged: true }));
    expect(went.toSorted()).toEqual(doomed);
    expect(went.indexOf(index.descriptor.digest)).toBeLessThan(went.indexOf(child.descriptor.digest));
    const records = (await fixture.takeQueue()).filter(({ kind }) => kind === 'manifest-deleted');
    expect(records).toMatchObject(
      went.map((digest) => ({ digest, repository: REPOSITORY, principal: operator.id })),
    );

    wait(LEASE_MS);
    await collectAll();
    for (const digest of digestsOf(kept, signature)) expect(await stored(digest)).toBe(true);
    for (const digest of digestsOf(child, lone)) expect(await stored(digest)).toBe(false);
  });

  test('stay where a tag came between the look and the deletion', async () => {
    const image = buildImage();
    await push(image.descriptor.digest, image);
    wait(LEASE_MS);
    fixture.beforeQuery = async (name) => {
      if (name !== 'registry_collect_manifest') return;
      fixture.beforeQuery = () => Promise.resolve();
      await fixture.put('late', image);
    };
    expect((await collectAll({ untagged: true })).items).toEqual([]);
    expect(await fixture.count('manifest')).toBe(1);
  });
});
