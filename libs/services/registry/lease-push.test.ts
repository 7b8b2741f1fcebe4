import type { Principal } from '@dockchains/access';
import { parseManifestReference } from '@dockchains/oci';
import { buildImage, type BuiltManifest } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';

let fixture: RegistryFixture;
let image: BuiltManifest;
let statements: string[];

beforeEach(async () => {
  fixture = await openRegistryFixture();
  image = buildImage();
  await fixture.pushBlobs(image);
  await makeLikely();
});
afterEach(() => fixture.close());

/** Lets the gateway know of the principal what it knows behind an upload, and notes the statements from then on. */
const makeLikely = async (principal?: Principal): Promise<void> => {
  await fixture.registry.startUpload({ principal: principal ?? fixture.principal, repository: REPOSITORY });
  statements = [];
  fixture.beforeQuery = (statement) => Promise.resolve(void statements.push(statement));
};
const countWritten = async (): Promise<number[]> => [
  await fixture.count('manifest'),
  await fixture.count('blob_lease'),
];
const isStored = async ({ descriptor }: BuiltManifest): Promise<boolean> =>
  (await fixture.blobs.stat(descriptor.digest)) !== undefined;

test('a push to a new tag by somebody known takes two statements', async () => {
  await fixture.put('1.0', image);
  expect(statements).toEqual(['registry_lease_pushes', 'registry_put_manifest']);
  await makeLikely();
  const other = buildImage();
  await fixture.pushBlobs(other);
  statements = [];
  await fixture.put(other.descriptor.digest, other);
  expect(statements).toEqual(['registry_lease_pushes', 'registry_put_manifest']);
});

test('a push that moves a tag, or changes nothing, takes its lease by another', async () => {
  await fixture.put('1.0', buildImageLike(image));
  const { recordId } = await fixture.put('2.0', image);
  statements = [];
  await fixture.put('1.0', image);
  expect(await fixture.put('2.0', image)).toMatchObject({ recordId });
  expect(statements).toEqual([
    ...['registry_lease_pushes', 'registry_lease_manifest', 'registry_put_manifest'],
    ...['registry_lease_pushes', 'registry_lease_manifest'],
  ]);
});

test('pushes that come at once share the statement, and each that lacks content is refused alone', async () => {
  const images = Array.from({ length: 4 }, () => buildImage());
  for (const one of images.slice(1)) await fixture.pushBlobs(one);
  await makeLikely();
  const before = await countWritten();
  const settled = await Promise.allSettled(images.map((one, index) => fixture.put(`at-${index}`, one)));
  expect(statements.filter((name) => name === 'registry_lease_pushes')).toHaveLength(1);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  expect(settled[0]).toMatchObject({ reason: { code: 'MANIFEST_BLOB_UNKNOWN' } });
  // What is pushed needs no lease any more.
  expect(await countWritten()).toEqual([(before[0] ?? 0) + 3, expect.any(Number)]);
  expect(await Promise.all(images.map(isStored))).toEqual([false, true, true, true]);
});

test('who has just lost the right to push leaves no lease, and hears nothing of his manifest', async () => {
  const principal = await fixture.createPrincipal('loser', 'public/**');
  await makeLikely(principal);
  const before = await countWritten();
  fixture.beforeQuery = async (statement) => {
    if (statement !== 'registry_lease_pushes') return;
    fixture.beforeQuery = () => Promise.resolve();
    const text = 'DELETE FROM policy WHERE principal_id = $1';
    await fixture.database.query({ name: 'test-revoke', text }, [principal.id ?? '']);
  };
  const refused = await fixture.put('1.0', image, principal).catch((error: unknown) => error);
  expect(refused).toMatchObject({ name: 'AccessError' });
  expect(await countWritten()).toEqual(before);
  expect(await isStored(image)).toBe(false);

  const senseless = { readBytes: () => Promise.resolve(Buffer.from('{')), contentType: undefined };
  const place = { principal, repository: REPOSITORY, reference: parseManifestReference('1.0') };
  await expect(fixture.registry.putManifest({ ...place, ...senseless })).rejects.toEqual(refused);
});

test('a manifest that is none is refused as one of somebody unknown', async () => {
  const senseless = { readBytes: () => Promise.resolve(Buffer.from('{')), contentType: undefined };
  const place = {
    principal: fixture.principal,
    repository: REPOSITORY,
    reference: parseManifestReference('1.0'),
  };
  await expect(fixture.registry.putManifest({ ...place, ...senseless })).rejects.toMatchObject({
    code: 'MANIFEST_INVALID',
  });
  expect(statements).toEqual(['registry_read_push_state']);
});

test('who may push, but create no tags, leaves nothing of a tag', async () => {
  const pusher = await fixture.createPrincipal('pusher', 'public/**', ['push']);
  await makeLikely(pusher);
  const before = await countWritten();
  await expect(fixture.put('1.0', image, pusher)).rejects.toMatchObject({ code: 'DENIED' });
  expect(await countWritten()).toEqual(before);
  expect(await isStored(image)).toBe(false);
});

/** Another manifest of the same blobs. */
function buildImageLike(one: BuiltManifest): BuiltManifest {
  const bytes = Buffer.from(
    JSON.stringify({ ...(JSON.parse(one.bytes.toString()) as object), annotations: { a: 'b' } }),
  );
  return { ...one, bytes };
}
