import { buildImage, buildIndex } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { referencesComplete } from './backfill-references.ts';
import { openRegistryFixture, type RegistryFixture } from './testing/registry-fixture.ts';

let fixture: RegistryFixture;

beforeEach(async () => {
  fixture = await openRegistryFixture();
});

afterEach(async () => {
  await fixture.close();
});

const references = () =>
  fixture.database.query({
    name: 'test-references',
    text: 'SELECT manifest_digest, digest FROM manifest_reference ORDER BY 1, 2',
  });

/** Leaves the rows as the version before wrote them. */
const makeOld = async (): Promise<void> => {
  await fixture.database.query({
    name: 'test-unset',
    text: 'UPDATE manifest SET has_references = false, needs = NULL',
  });
};

test('manifests of an earlier version get what a push of today writes', async () => {
  const images = Array.from({ length: 3 }, () => buildImage());
  for (const image of images) {
    await fixture.pushBlobs(image);
    await fixture.put(image.descriptor.digest, image);
  }
  await fixture.put('all', buildIndex(images));
  const before = await references();
  expect(before).toHaveLength(images.flatMap(({ blobs }) => blobs).length + images.length);
  expect(await referencesComplete(fixture.database)).toBe(true);

  await makeOld();
  expect(await referencesComplete(fixture.database)).toBe(false);
  expect(await fixture.registry.backfillReferences()).toEqual({ manifests: 4, unreadable: 0 });
  expect(await references()).toEqual(before);
  expect(await referencesComplete(fixture.database)).toBe(true);
  expect(await fixture.registry.backfillReferences()).toEqual({ manifests: 0, unreadable: 0 });
});

test('a manifest that can’t be read leaves collection waiting until it is pushed again', async () => {
  const image = buildImage();
  await fixture.pushBlobs(image);
  await fixture.put('1.0', image);
  await makeOld();
  expect(await fixture.blobs.setAside(image.descriptor.digest)).toBeDefined();
  expect(await fixture.registry.backfillReferences()).toEqual({ manifests: 0, unreadable: 1 });
  expect(await referencesComplete(fixture.database)).toBe(false);

  await fixture.put('1.0', image);
  expect(await referencesComplete(fixture.database)).toBe(true);
  expect(await references()).toHaveLength(image.blobs.length);
});
