/** What can go wrong with the database itself, apart from what PostgreSQL reports about a statement. */
export type DatabaseErrorCode = 'MIGRATION_CHANGED' | 'MIGRATION_FAILED' | 'UNAVAILABLE';

/** The database can't be used as it is; `message` says what to do about it. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code: DatabaseErrorCode;

  constructor(code: DatabaseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** SQLSTATE of a PostgreSQL error (five characters, PostgreSQL manual, Appendix A), if it is one. */
export function findSqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/**
 * Whether the error means that the server could not be reached or went away, so that the outcome of a statement
 * under way is unknown: connection exceptions (class 08), shutdown and crash (57P0x), or a socket error.
 */
export function isConnectionLoss(error: unknown): boolean {
  const state = findSqlState(error);
  if (state !== undefined) return state.startsWith('08') || state.startsWith('57P') || state === '53300';
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'string') {
    return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT'].includes(error.code);
  }
  return /connection terminated|timeout exceeded when trying to connect|not queryable/i.test(error.message);
}
