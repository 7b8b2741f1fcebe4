import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabaseOn, createTestDatabase, startPrivatePostgres, type PrivatePostgres } from './index.ts';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // the server is killed under it
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows.flatMap((row) => Object.values(row));
  } finally {
    await client.end();
  }
}

test('each test database is a fresh one on the shared server', async () => {
  const first = await createTestDatabase();
  const second = await createTestDatabase();
  await query(first.url, 'CREATE TABLE here (n int)');
  expect(await query(second.url, "SELECT to_regclass('here')")).toEqual([null]);
  await first.drop();
  await second.drop();
});

describe('a test database that was dropped', () => {
  const useAndDrop = async (...statements: string[]): Promise<string> => {
    const used = await createTestDatabase();
    for (const statement of statements) await query(used.url, statement);
    await used.drop();
    return used.url;
  };
  const INSERT = `INSERT INTO repository (name, visibility) VALUES ('public/app', 'public')`;

  test('comes again without its rows, its tables and its connections', async () => {
    const url = await useAndDrop();
    const left = new pg.Client({ connectionString: url });
    left.on('error', () => undefined);
    const ended = new Promise((resolve) => left.once('end', resolve));
    await left.connect();
    await left.query('SELECT pg_advisory_lock(7)');
    const change = `UPDATE catalog_generation SET state = 'building'`;
    expect(await useAndDrop(INSERT, INSERT.replace('app', 'two'), 'CREATE TABLE here (n int)', change)).toBe(
      url,
    );
    await ended;

    const again = await createTestDatabase();
    expect(again.url).toBe(url);
    expect(await query(again.url, 'SELECT count(*)::int FROM repository')).toEqual([0]);
    expect(await query(again.url, "SELECT to_regclass('here')")).toEqual([null]);
    expect(await query(again.url, 'SELECT pg_try_advisory_lock(7)')).toEqual([true]);
    expect(await query(again.url, `${INSERT} RETURNING id`)).toEqual([1]);
    expect(await query(again.url, 'SELECT count(*)::int FROM "_prisma_migrations"')).not.toEqual([0]);
    // What a migration inserted is there again.
    expect(await query(again.url, 'SELECT generation, state FROM catalog_generation')).toEqual([
      1,
      'serving',
    ]);
    await again.drop();
  });

  test.each([
    'DROP TABLE tag_event',
    'ALTER TABLE tag ADD COLUMN more text',
    'ALTER TABLE blob_lease DISABLE TRIGGER USER',
    'ALTER TABLE tag_event DROP CONSTRAINT tag_event_pkey',
    'CREATE FUNCTION more() RETURNS int LANGUAGE sql RETURN 1',
    `UPDATE "_prisma_migrations" SET checksum = ''`,
  ])('never comes again after %s', async (statement) => {
    const url = await useAndDrop(statement);
    const next = await createTestDatabase();
    expect(next.url).not.toBe(url);
    expect(
      await query(
        next.url,
        `SELECT count(*)::int FROM pg_database WHERE datname = '${new URL(url).pathname.slice(1)}'`,
      ),
    ).toEqual([0]);
    await next.drop();
  });
});

describe('a private server', () => {
  let server: PrivatePostgres;
  let folder: string;
  beforeAll(async () => {
    server = await startPrivatePostgres();
    folder = await mkdtemp(join(tmpdir(), 'dockchains-snapshot-'));
  });
  afterAll(async () => {
    await server.remove();
    await rm(folder, { recursive: true });
  });

  test('keeps what was committed when it is killed', async () => {
    const database = await createDatabaseOn(server.url('postgres'));
    await query(database.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    await server.kill9();
    await expect(query(database.url, 'SELECT 1')).rejects.toThrow();
    await server.start();
    expect(await query(database.url, 'SELECT n FROM kept')).toEqual([7]);
    expect(await query(database.url, 'SHOW fsync')).toEqual(['on']);
  });

  test('is started again when it is about to end by itself', async () => {
    process.kill(server.pid, 'SIGQUIT');
    await server.start();
    expect(await query(server.url('postgres'), 'SELECT 1')).toEqual([1]);
  });

  test('makes its log in short files, and no more checkpoints for it', async () => {
    const url = server.url('postgres');
    expect(await query(url, 'SHOW wal_segment_size')).toEqual(['4MB']);
    expect(await query(url, 'SHOW max_wal_size')).toEqual(['1GB']);
  });

  test('goes back to an earlier copy', async () => {
    const { url } = await createDatabaseOn(server.url('postgres'));
    await query(url, 'CREATE TABLE history AS SELECT 1 AS n');
    await server.stop();
    await server.snapshot(join(folder, 'copy'));
    await server.start();
    await query(url, 'INSERT INTO history VALUES (2)');
    await server.stop();
    await server.restore(join(folder, 'copy'));
    await server.start();
    expect(await query(url, 'SELECT n FROM history')).toEqual([1]);
  });
});
