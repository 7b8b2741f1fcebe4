import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createTestDatabase, type TestDatabase } from '@dockchains/testing';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { type Database, openDatabase } from './database.ts';

const MIGRATION = '../../../prisma/migrations/20261122030500_times_in_utc/migration.sql';
const AT = new Date('2026-01-01T01:00:00.123Z');
const ROBOT = { id: '1', username: 'robot+ci', kind: 'robot', secretHash: Buffer.alloc(32), createdAt: AT };

let testDatabase: TestDatabase;
let database: Database;

const execute = async (...texts: readonly string[]): Promise<void> => {
  const client = new pg.Client({ connectionString: testDatabase.url });
  await client.connect();
  try {
    for (const text of texts) await client.query(text);
  } finally {
    await client.end();
  }
};

// A server takes the zone of the machine that it was installed on.
beforeEach(async () => {
  testDatabase = await createTestDatabase();
  const { pathname } = new URL(testDatabase.url);
  await execute(`ALTER DATABASE ${pathname.slice(1)} SET timezone TO 'Asia/Kolkata'`);
  database = openDatabase(testDatabase.url);
});
afterEach(async () => {
  await database.close();
  await testDatabase.drop();
});

const readTimes = (): Promise<object[]> =>
  database.query({ name: 'test-times', text: 'SELECT created_at, expires_at, disabled_at FROM account' });

test('a time that Prisma writes is the same to prepared statements, whatever zone the database has', async () => {
  await database.prisma.account.create({ data: { ...ROBOT, expiresAt: AT } });
  expect(await readTimes()).toEqual([{ created_at: AT, expires_at: AT, disabled_at: null }]);
  expect(await database.prisma.account.findMany()).toMatchObject([{ createdAt: AT, expiresAt: AT }]);
});

test('times that were taken for the database’s own are put right', async () => {
  const text = `'2026-01-01 01:00:00.123'`;
  await execute(
    `INSERT INTO account (id, username, kind, secret_hash, created_at, expires_at)
     VALUES ('1', 'robot+ci', 'robot', sha256('of it'), ${text}, ${text})`,
  );
  expect(await readTimes()).not.toMatchObject([{ created_at: AT }]);
  await execute(await readFile(join(import.meta.dirname, MIGRATION), 'utf8'));
  expect(await readTimes()).toEqual([{ created_at: AT, expires_at: AT, disabled_at: null }]);
});
