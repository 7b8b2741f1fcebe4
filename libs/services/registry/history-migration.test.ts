import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { buildImage } from '@dockchains/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openRegistryFixture, type RegistryFixture } from './testing/registry-fixture.ts';

const MIGRATION = '../../../prisma/migrations/20261121130000_references_leases_history/migration.sql';

let fixture: RegistryFixture;

beforeEach(async () => {
  fixture = await openRegistryFixture();
});

afterEach(async () => {
  await fixture.close();
});

const run = (name: string, text: string) => fixture.database.query({ name, text });

const history = () =>
  run(
    'test-history',
    'SELECT tag, deleted, digest, media_type, size, record_id, at FROM tag_event ORDER BY position',
  );

test('the history of tags before it had a table is read out of the ledger and its queue', async () => {
  const [first, second] = [buildImage(), buildImage()];
  for (const image of [first, second]) await fixture.pushBlobs(image);
  await fixture.put('1.0', first);
  await fixture.put('1.0', second);
  await fixture.put('2.0', first);
  // What has an index by now comes before what has none.
  await run(
    'test-sequence',
    `WITH moved AS (DELETE FROM ledger_queue RETURNING *)
     INSERT INTO ledger_entry (ledger_id, index, record_id, entry, leaf_hash)
     SELECT ledger_id, position, record_id, entry, sha256(entry) FROM moved`,
  );
  await fixture.deleteManifest('1.0');
  await fixture.deleteManifest(first.descriptor.digest);
  await fixture.put('3.0', second);
  const told = await history();
  expect(told).toHaveLength(6);

  const sql = await readFile(join(import.meta.dirname, MIGRATION), 'utf8');
  const again = sql.slice(sql.indexOf('CREATE TABLE "tag_event"')).split(/;\n/);
  await run('test-drop', 'DROP TABLE tag_event');
  for (const [index, statement] of again.entries()) {
    if (statement.trim() !== '') await run(`test-migrate-${index}`, statement);
  }
  expect(await history()).toEqual(told);

  // Where the records are not at hand, a tag stands at least as it is.
  await run('test-drop-again', 'DROP TABLE tag_event');
  await run('test-forget', 'DELETE FROM ledger_entry');
  await fixture.takeQueue();
  for (const [index, statement] of again.entries()) {
    if (statement.trim() !== '') await run(`test-migrate-again-${index}`, statement);
  }
  expect(await history()).toEqual(told.slice(-1));
});
