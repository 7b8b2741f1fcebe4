import { createTestDatabase } from '@dockchains/testing';
import { expect, test } from 'vitest';

import { openDatabase } from './database.ts';

test('a transaction that PostgreSQL rolled back does not resolve, though its work took no notice', async () => {
  const testDatabase = await createTestDatabase();
  const database = openDatabase(testDatabase.url);
  try {
    await database.query({ name: 'test-make', text: 'CREATE TABLE note (n integer PRIMARY KEY)' });
    const insert = { name: 'test-insert', text: 'INSERT INTO note VALUES (1)' };
    const writing = database.transaction(async (transaction) => {
      await transaction.query(insert);
      await transaction.query(insert).catch(() => undefined);
    });
    await expect(writing).rejects.toThrow('rolled back');
    expect(await database.query({ name: 'test-read', text: 'SELECT n FROM note' })).toEqual([]);
  } finally {
    await database.close();
    await testDatabase.drop();
  }
});
