import { Readable } from 'node:stream';

import { parseManifestReference } from '@dockchains/oci';
import { buildImage } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';

let fixture: RegistryFixture;
let statements: string[];

beforeEach(async () => {
  fixture = await openRegistryFixture();
  statements = [];
  fixture.beforeQuery = (name) => {
    statements.push(name);
    return Promise.resolve();
  };
});

afterEach(async () => {
  await fixture.close();
});

const prepareImages = async (count: number) => {
  const images = Array.from({ length: count }, () => buildImage());
  for (const image of images) await fixture.pushBlobs(image);
  return images;
};

test('pushes at once share their statements, and each has what it would have alone', async () => {
  const images = await prepareImages(12);
  const results = await Promise.all(images.map((image, index) => fixture.put(`t${index}`, image)));
  expect(statements).toContain('registry_lease_manifests');
  expect(statements).toContain('registry_put_manifests');
  expect(statements.filter((name) => name.startsWith('registry_put_manifest')).length).toBeLessThan(12);

  const records = await fixture.takeQueue();
  const told = new Map(records.map((record) => [record.recordId, record]));
  for (const [index, { digest, recordId, receipt }] of results.entries()) {
    const found = await fixture.registry.resolveReference(fixture.principal, {
      repository: REPOSITORY,
      reference: parseManifestReference(`t${index}`),
    });
    expect(found.digest).toBe(images[index]?.descriptor.digest);
    expect(told.get(recordId)).toMatchObject({ kind: 'tag-set', digest, tag: `t${index}` });
    expect(receipt).toBeDefined();
  }
  expect(records).toHaveLength(24);
  expect(await fixture.count('tag_event')).toBe(12);
  expect(await fixture.count('manifest_reference')).toBe(
    images.reduce(
      (sum, { blobs }) => sum + new Set(blobs.map(({ descriptor }) => descriptor.digest)).size,
      0,
    ),
  );
});

test('of pushes at once one that names what is missing, and those that meet, leave the others alone', async () => {
  const images = await prepareImages(6);
  const incomplete = buildImage();
  const settled = await Promise.allSettled([
    ...images.map((image, index) => fixture.put(`t${index}`, image)),
    fixture.put('incomplete', incomplete),
    ...images.map((image) => fixture.put('same', image)),
  ]);
  expect(settled.map(({ status }) => status)).toEqual([
    ...images.map(() => 'fulfilled'),
    'rejected',
    ...images.map(() => 'fulfilled'),
  ]);
  expect(settled[6]).toMatchObject({ reason: { code: 'MANIFEST_BLOB_UNKNOWN' } });
  const records = await fixture.takeQueue();
  const kinds = records.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === 'manifest-published')).toHaveLength(6);
  // The moves of one tag stand in the ledger as they committed.
  const moves = records.flatMap((one) => (one.kind === 'tag-set' && one.tag === 'same' ? [one] : []));
  expect(moves.map(({ previous }) => previous)).toEqual([
    undefined,
    ...moves.slice(0, -1).map(({ digest }) => digest),
  ]);
  expect(await fixture.count('manifest')).toBe(6);
});

test('uploads at once share their statements, and count what each has', async () => {
  const { registry, principal, blobs } = fixture;
  const place = { principal, repository: REPOSITORY };
  const [first] = await prepareImages(1);
  if (first !== undefined) await fixture.put('first', first);
  statements = [];
  const images = Array.from({ length: 12 }, () => buildImage());
  await Promise.all(
    images.map(async ({ bytes, descriptor }, index) => {
      const id = await registry.startUpload(place);
      const half = Math.floor(bytes.length / 2);
      const chunk = bytes.subarray(0, half);
      expect(await registry.appendUpload({ ...place, id, source: Readable.from([chunk]) })).toBe(half);
      // Some are wrong: they keep what they have, and can be ended rightly.
      const finish = { ...place, id, digest: descriptor.digest };
      if (index % 3 === 0) {
        await expect(
          registry.finishUpload({ ...finish, source: Readable.from([]), length: 0 }),
        ).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
        expect(await registry.getUpload({ ...place, id })).toMatchObject({ received: half });
      }
      await registry.finishUpload({ ...finish, source: Readable.from([bytes.subarray(half)]) });
      expect(await blobs.read(descriptor.digest, bytes.length)).toEqual(bytes);
      await expect(registry.getUpload({ ...place, id })).rejects.toMatchObject({
        code: 'BLOB_UPLOAD_UNKNOWN',
      });
    }),
  );
  expect(statements.filter((name) => name === 'registry_begin_uploads').length).toBeLessThan(12);
  expect(await fixture.count('upload')).toBe(0);
});
