import { type Database, findSqlState, type Transaction } from '@dockchains/database';

const MAX_ATTEMPTS = 5;
// Deadlock and serialisation failure (PostgreSQL manual, Appendix A): the loser is asked to try again.
const RETRYABLE = ['40P01', '40001'];

/** Runs a transaction, again if PostgreSQL chose it as the victim of a deadlock; at most five times in all. */
export async function transact<T>(
  database: Database,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.transaction(work);
    } catch (error) {
      const state = findSqlState(error);
      if (attempt === MAX_ATTEMPTS || state === undefined || !RETRYABLE.includes(state)) throw error;
    }
  }
}
