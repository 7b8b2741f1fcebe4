import { createHash, randomUUID } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import pg from 'pg';

import { DatabaseError } from './errors.ts';

const MIGRATIONS = join(import.meta.dirname, '../../../prisma/migrations');
// "dockmigr" in ASCII: any constant of ours will do.
const MIGRATION_LOCK = '7236279990803195250';

// Prisma's own table, to the column, so that its tools can read what we applied.
const HISTORY = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) NOT NULL PRIMARY KEY,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

/**
 * Brings the database at `url` up to the migrations in prisma/migrations and returns the names of those applied
 * now. Each runs in a transaction of its own, together with its row of history; gateways that start together wait
 * for one another.
 * @throws DatabaseError MIGRATION_CHANGED if an applied migration's file has other bytes now,
 *   MIGRATION_FAILED if one does not apply, UNAVAILABLE if the server can't be reached.
 */
export async function migrate(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
  } catch (cause) {
    throw new DatabaseError(
      'UNAVAILABLE',
      'PostgreSQL does not answer at the host and port of DOCKCHAINS_DATABASE_URL: start it, or correct the address.',
      { cause },
    );
  }
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(HISTORY);
    const { rows } = await client.query<{ migration_name: string; checksum: string }>(
      'SELECT migration_name, checksum FROM "_prisma_migrations" WHERE finished_at IS NOT NULL',
    );
    const known = new Map(rows.map((row) => [row.migration_name, row.checksum]));
    const applied: string[] = [];
    for (const name of await listMigrations()) {
      const sql = await readFile(join(MIGRATIONS, name, 'migration.sql'), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      const before = known.get(name);
      if (before === checksum) continue;
      if (before !== undefined) {
        throw new DatabaseError(
          'MIGRATION_CHANGED',
          `Migration ${name} was applied with other contents: restore its file; a change needs a migration of its own.`,
        );
      }
      await apply(client, name, sql, checksum);
      applied.push(name);
    }
    return applied;
  } finally {
    await client.end();
  }
}

const listMigrations = async (): Promise<string[]> => {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
};

const apply = async (client: pg.Client, name: string, sql: string, checksum: string): Promise<void> => {
  try {
    await client.query('BEGIN');
    await client.query(sql);
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, applied_steps_count)
       VALUES ($1, $2, now(), $3, 1)`,
      [randomUUID(), checksum, name],
    );
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new DatabaseError(
      'MIGRATION_FAILED',
      `Migration ${name} could not be applied; nothing of it was kept. See the cause, mend it and start again.`,
      { cause },
    );
  }
};
