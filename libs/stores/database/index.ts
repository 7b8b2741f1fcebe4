export { openDatabase } from './database.ts';
export type { Database, Parameter, Queryable, Statement, Transaction } from './database.ts';
export { DatabaseError, findSqlState, isConnectionLoss } from './errors.ts';
export type { DatabaseErrorCode } from './errors.ts';
export { lockKeyOf } from './lock-key.ts';
export { migrate } from './migrate.ts';
export type { Lock } from './session-locks.ts';
export { shareCalls } from './shared-calls.ts';
export { shareLookups } from './shared-lookup.ts';
