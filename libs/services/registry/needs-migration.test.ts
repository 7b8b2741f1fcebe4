import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { buildImage, buildIndex } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture } from './testing/registry-fixture.ts';

const MIGRATIONS = join(import.meta.dirname, '../../../prisma/migrations');
const FORMER_TABLE = '20261121130000_references_leases_history/migration.sql';
const FORMER_TRIGGER = '20261121170500_push_references/migration.sql';
const MIGRATION = '20261122030100_manifest_needs/migration.sql';

let fixture: RegistryFixture;

beforeEach(async () => {
  fixture = await openRegistryFixture();
});

afterEach(async () => {
  await fixture.close();
});

const run = (name: string, text: string) => fixture.database.query({ name, text });

/** The statements of a migration from a text on, up to another. */
const cut = async (path: string, from: string, to: string): Promise<string[]> => {
  const sql = await readFile(join(MIGRATIONS, path), 'utf8');
  return sql.slice(sql.indexOf(from), sql.indexOf(to)).split(/;\n(?=ALTER|CREATE|DROP|UPDATE)/);
};

const references = () =>
  run('test-references', 'SELECT manifest_digest, digest FROM manifest_reference ORDER BY 1, 2');

test('what manifests need is taken over out of its former rows', async () => {
  const images = [buildImage(), buildImage(), buildImage()];
  for (const image of images) {
    await fixture.pushBlobs(image);
    await fixture.put(image.descriptor.digest, image);
  }
  const index = buildIndex(images);
  await fixture.put('all', index);
  const before = await references();
  expect(before).toHaveLength(images.flatMap(({ blobs }) => blobs).length + images.length);
  const [unread] = images.map(({ descriptor }) => descriptor.digest);

  // As the version before had it; of one manifest it didn't know yet what it needs.
  const former = [
    'ALTER TABLE manifest_reference RENAME TO now_reference',
    ...(await cut(FORMER_TABLE, 'CREATE TABLE "manifest_reference"', 'ALTER TABLE "manifest" ADD COLUMN')),
    ...(await cut(FORMER_TRIGGER, 'CREATE FUNCTION "drop_references"', '-- As before')),
    'INSERT INTO manifest_reference SELECT * FROM now_reference',
    'DROP VIEW now_reference',
    'ALTER TABLE manifest DROP COLUMN needs',
    `DELETE FROM manifest_reference WHERE manifest_digest = '${unread ?? ''}'`,
    `UPDATE manifest SET has_references = false WHERE digest = '${unread ?? ''}'`,
  ];
  const now = await cut(MIGRATION, 'ALTER TABLE', '-- Who needs something');
  const view = await cut(MIGRATION, 'CREATE VIEW', '-- A manifest of the repository');
  for (const [number, statement] of [...former, ...now, ...view].entries()) {
    await run(`test-migrate-${number}`, statement);
  }

  expect(await run('test-unread', 'SELECT digest FROM manifest WHERE needs IS NULL')).toEqual([
    { digest: unread },
  ]);
  expect(await references()).not.toEqual(before);
  await fixture.registry.backfillReferences();
  expect(await references()).toEqual(before);
});
