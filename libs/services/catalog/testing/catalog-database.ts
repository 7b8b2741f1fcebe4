import { type Database, migrate, openDatabase } from '@dockchains/database';
import { createTestDatabase } from '@dockchains/testing';

import { consumeEntries } from '../consume.ts';
import { readStandings } from '../generations.ts';
import type { EntrySource } from '@dockchains/ledger';

/** A migrated database of a test's own. */
export async function openCatalogDatabase(): Promise<{
  database: Database;
  url: string;
  close: () => Promise<void>;
}> {
  const testDatabase = await createTestDatabase();
  const { url } = testDatabase;
  await migrate(url);
  const database = openDatabase(url);
  return {
    database,
    url,
    async close() {
      await database.close();
      await testDatabase.drop();
    },
  };
}

/** The index of the entry that the served generation consumes next. */
export async function positionOf(database: Database, { origin }: EntrySource): Promise<bigint> {
  return (await readStandings(database, origin)).serving.next;
}

/** Consumes a ledger to its end, `batch` entries at a time. */
export async function consumeAll(database: Database, source: EntrySource, batch = 100): Promise<void> {
  for (;;) {
    const { serving } = await readStandings(database, source.origin);
    const entries = await source.read(serving.next, batch);
    if (entries.length === 0) return;
    await consumeEntries(database, { source, generation: serving.generation }, entries);
  }
}

/** All that the catalog says of a ledger: what a test compares. */
export async function dump(database: Database, origin: string, generation = 1): Promise<object> {
  const [row] = await database.query<{ dump: object }>(
    {
      name: 'test_catalog_dump',
      text: `SELECT jsonb_object_agg(c.name, jsonb_build_object(
               'source', c.source, 'updated', c.updated_index,
               'tags', (SELECT jsonb_object_agg(t.name, t.digest || ' ' || t.index || ' ' || t.record_id)
                        FROM catalog_tag t WHERE t.repository_id = c.id),
               'artifacts', (SELECT jsonb_object_agg(a.digest, a.index || ' ' || COALESCE(a.subject, '') || ' ' || a.record_id)
                             FROM catalog_artifact a WHERE a.repository_id = c.id))) AS dump
             FROM catalog_repository c WHERE c.origin = $1 AND c.generation = $2`,
    },
    [origin, generation],
  );
  return row?.dump ?? {};
}
