export { createDatabaseOn, createTestDatabase, startPrivatePostgres } from './postgres.ts';
export type { PrivatePostgres, TestDatabase } from './postgres.ts';
