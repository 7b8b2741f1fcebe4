import { type Database, findSqlState, type Transaction } from '@dockchains/database';
import { OciError } from '@dockchains/oci';

const MAX_ATTEMPTS = 5;
// Deadlock and serialisation failure (PostgreSQL manual, Appendix A): the loser is asked to try again.
const RETRYABLE = ['40P01', '40001'];

/** Runs a transaction, again if it met others in a way that PostgreSQL can't resolve; at most five times in all. */
export function transact<T>(database: Database, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  return retryConflicts(() => database.transaction(work));
}

/**
 * Does work that reads, and writes only if nothing has changed since, again if something has; at most five times in all.
 * It is given the number of its attempt, from 1.
 * @throws OciError TOOMANYREQUESTS if others came between all five
 */
export async function retryConflicts<T>(work: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (cause) {
      const state = findSqlState(cause);
      if (state === undefined || !RETRYABLE.includes(state)) throw cause;
      if (attempt < MAX_ATTEMPTS) continue;
      throw new OciError('TOOMANYREQUESTS', 'Others change the same over and over: try again.', { cause });
    }
  }
}
