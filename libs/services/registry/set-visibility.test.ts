import type { Principal } from '@dockchains/access';
import type { LedgerRecord } from '@dockchains/records';
import { type BuiltManifest, buildImage } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture, REPOSITORY } from './testing/registry-fixture.ts';
import type { Visibility } from './repositories.ts';

let fixture: RegistryFixture;
let owner: Principal;

beforeEach(async () => {
  fixture = await openRegistryFixture();
  owner = await fixture.createPrincipal('owner', 'public/**', ['pull', 'push', 'admin']);
});

afterEach(async () => {
  await fixture.close();
});

const change = (visibility: Visibility, principal = owner) =>
  fixture.registry.setVisibility({ principal, repository: REPOSITORY, visibility });

const prepareImages = async (count: number): Promise<BuiltManifest[]> => {
  const images = Array.from({ length: count }, () => buildImage());
  for (const image of images) await fixture.pushBlobs(image);
  return images;
};

const told = async (ledger: string): Promise<LedgerRecord[]> => fixture.takeQueue(ledger);
const kinds = (records: readonly LedgerRecord[]): string[] => records.map(({ kind }) => kind).sort();
const rowRecords = async (): Promise<string[]> => {
  const rows = await fixture.database.query<{ id: string }>({
    name: 'test-row-records',
    text: 'SELECT record_id AS id FROM manifest UNION ALL SELECT record_id FROM tag',
  });
  return rows.map(({ id }) => id).sort();
};

test('puts manifests, referrers and tags on record anew in the ledger of the new visibility', async () => {
  const [image] = await prepareImages(1);
  if (image === undefined) throw new Error('no image');
  const referrer = buildImage({ subject: image.descriptor, artifactType: 'application/x-note' });
  await fixture.pushBlobs(referrer);
  await fixture.put('1.0', image);
  await fixture.put('latest', image);
  await fixture.put(referrer.descriptor.digest, referrer);
  await told('public');

  expect(await change('private')).toEqual({ manifests: 2, tags: 2 });
  expect(kinds(await told('public'))).toEqual(['repository-withdrawn']);
  const inside = await told('private');
  expect(kinds(inside)).toEqual([
    ...['manifest-published', 'manifest-published', 'referrer-attached', 'tag-set', 'tag-set'],
  ]);
  expect(await rowRecords()).toEqual(
    inside
      .filter(({ kind }) => kind !== 'referrer-attached')
      .map(({ recordId }) => recordId)
      .sort(),
  );

  expect(await change('public')).toEqual({ manifests: 2, tags: 2 });
  expect(await told('private')).toEqual([]);
  const outside = await told('public');
  expect(kinds(outside)).toEqual(kinds(inside));
  expect(await fixture.count('tag_event')).toBe(2);
  expect(await change('public')).toEqual({ manifests: 0, tags: 0 });
  expect(await told('public')).toEqual([]);
});

test('goes page by page through what is too much for one statement', async () => {
  const [image] = await prepareImages(1);
  if (image === undefined) throw new Error('no image');
  await fixture.put('first', image);
  await fixture.database.query({
    name: 'test-many-tags',
    text: `INSERT INTO tag (repository_id, name, digest, record_id, updated_at)
           SELECT repository_id, 't' || n, digest, record_id || n, updated_at FROM tag, generate_series(1, 1200) AS n`,
  });
  await told('public');
  expect(await change('private')).toEqual({ manifests: 1, tags: 1201 });
  const tags = (await told('private')).flatMap((record) => (record.kind === 'tag-set' ? [record.tag] : []));
  expect(tags).toHaveLength(1201);
  expect(new Set(tags).size).toBe(1201);
});

test('pushes that race with changes stand in the ledger of the moment in which they commit', async () => {
  const images = await prepareImages(12);
  await fixture.put('start', images[0] ?? buildImage());
  const changes = async (): Promise<void> => {
    for (const visibility of ['private', 'public', 'private'] as const) await change(visibility);
  };
  await Promise.all([changes(), ...images.map((image, index) => fixture.put(`t${index}`, image))]);

  // Whatever the row names is the last word of the ledger that the repository belongs to now.
  const inside = new Set((await told('private')).map(({ recordId }) => recordId as string));
  const outside = await told('public');
  const rows = await rowRecords();
  expect(rows).toHaveLength(12 + 13);
  expect(rows.filter((id) => !inside.has(id))).toEqual([]);
  // Behind the last withdrawal, the public ledger hears nothing of the repository.
  expect(outside.findLastIndex(({ kind }) => kind === 'repository-withdrawn')).toBe(outside.length - 1);
  expect(outside.filter(({ kind }) => kind === 'repository-withdrawn')).toHaveLength(2);
});

test('a push whose repository changed in between is recorded in the new ledger', async () => {
  const [image, other] = await prepareImages(2);
  if (image === undefined || other === undefined) throw new Error('no images');
  await fixture.put('start', image);
  await told('public');
  let done = false;
  fixture.beforeQuery = async (name) => {
    if (done || name !== 'registry_put_manifest') return;
    done = true;
    await change('private');
  };
  await fixture.put('raced', other);
  expect(kinds(await told('public'))).toEqual(['repository-withdrawn']);
  expect((await told('private')).slice(-2).map(({ kind }) => kind)).toEqual([
    'manifest-published',
    'tag-set',
  ]);
});

test.each([
  { name: 'somebody without the right', visibility: 'private' as const, code: 'DENIED' },
  { name: 'a visibility that has no ledger', visibility: 'protected' as const, code: 'UNSUPPORTED' },
])('refuses $name, and writes nothing', async ({ visibility, code }) => {
  const [image] = await prepareImages(1);
  if (image === undefined) throw new Error('no image');
  await fixture.put('1.0', image);
  await told('public');
  const who = code === 'DENIED' ? fixture.principal : owner;
  await expect(change(visibility, who)).rejects.toMatchObject({ code });
  expect([await told('public'), await told('private')]).toEqual([[], []]);
});

test('refuses a repository that is not there, and one that holds too much', async () => {
  await expect(change('private')).rejects.toMatchObject({ code: 'NAME_UNKNOWN' });
  const [image] = await prepareImages(1);
  if (image === undefined) throw new Error('no image');
  await fixture.put('1.0', image);
  await fixture.database.query({
    name: 'test-too-many-tags',
    text: `INSERT INTO tag (repository_id, name, digest, record_id, updated_at)
           SELECT repository_id, 't' || n, digest, record_id, updated_at FROM tag, generate_series(1, 99999) AS n`,
  });
  await told('public');
  await expect(change('private')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  expect([await told('public'), await told('private')]).toEqual([[], []]);
});

test('waits no longer than for the pushes under way, however many come behind it', async () => {
  const images = await prepareImages(4);
  let over = false;
  let pushes = 0;
  const push = async (image: BuiltManifest, lane: number): Promise<void> => {
    while (!over) {
      await fixture.put(`lane${lane}-${pushes % 2}`, image);
      pushes += 1;
    }
  };
  await fixture.put('start', images[0] ?? buildImage());
  const lanes = Array.from({ length: 12 }, (_, lane) => push(images[lane % 4] ?? buildImage(), lane));
  await change('private');
  over = true;
  await Promise.all(lanes);
  expect(kinds(await told('private'))).toContain('tag-set');
});
