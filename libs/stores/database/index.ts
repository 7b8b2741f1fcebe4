export { openDatabase } from './database.ts';
export type { Database, Lock, Parameter, Queryable, Statement, Transaction } from './database.ts';
export { DatabaseError, findSqlState, isConnectionLoss } from './errors.ts';
export type { DatabaseErrorCode } from './errors.ts';
export { migrate } from './migrate.ts';
