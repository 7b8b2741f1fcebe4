import { createRequire } from 'node:module';

import pg from 'pg';

import { isConnectionLoss } from './errors.ts';
import type { PrismaClient } from './generated/client.ts';
import type { openPrisma } from './prisma.ts';
import { type Lock, openSessionLocks } from './session-locks.ts';

/** A statement that each connection prepares once under its `name`. Names are unique in the program. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Values that the statements' parameters take. BigInts travel as decimal text. */
export type Parameter = string | number | bigint | boolean | Uint8Array | Date | null | readonly Parameter[];

/** Runs prepared statements: the pool, or one transaction. `Row` is what the caller's SQL returns. */
export interface Queryable {
  query<Row extends object>(statement: Statement, parameters?: readonly Parameter[]): Promise<Row[]>;
}

/** One open transaction (READ COMMITTED); it ends with the function it was given to. */
export type Transaction = Queryable;

/** The organisation's PostgreSQL: Prisma for ordinary queries, prepared statements for hot paths, one pool. */
export interface Database extends Queryable {
  /** Loaded when it is first asked for: a gateway that only serves images does without its 30 MB and 0.1 s. */
  readonly prisma: PrismaClient;
  /**
   * Commits if `work` resolves, rolls back if it throws. Durable when it resolves (synchronous_commit). One that is idle for
   * 5 seconds between two statements is rolled back by the server.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /**
   * Holds a session-level advisory lock until `release` is called or its connection, which all locks of this database
   * object share, is lost (`lost` aborts then); undefined if it is held already, wherever. A process that hangs for 3
   * seconds loses its locks, and hears of it when it runs on: what it does then must be safe beside the next holder.
   */
  tryLock(key: bigint): Promise<Lock | undefined>;
  /** The pool's connections now, and how many queries wait for one. */
  connections(): { readonly open: number; readonly idle: number; readonly waiting: number };
  close(): Promise<void>;
}

const require = createRequire(import.meta.url);

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 60_000;
// A gateway that hangs, or whose machine is gone, must not keep its row locks from the others.
const IDLE_TRANSACTION_TIMEOUT_MS = 5_000;

// What runs here asks by keys, and each connection keeps its plans: one that was made while a table was small would go on to read it
// whole when it has grown. Prisma, which has a pool of its own, plans each query by itself.
const BY_KEY = '-c enable_seqscan=off';
// PostgreSQL plans a statement anew for each execution where that looks cheaper, as it does for all that take arrays: it counts their
// elements then. Ours are written to go by index whatever comes, and planning took longer than the rest: of 0.36 ms for a manifest 0.22.
const PLAN_ONCE = '-c plan_cache_mode=force_generic_plan';

// int8 as bigint: ledger indices and sizes are bigint everywhere.
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format = 'text'): ((text: string) => unknown) =>
    oid === pg.types.builtins.INT8 && format === 'text'
      ? BigInt
      : (pg.types.getTypeParser(oid, 'text') as (text: string) => unknown),
};

const encodeParameter = (value: Parameter): unknown => {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.isBuffer(value) ? value : Buffer.from(value);
  if (Array.isArray(value)) return value.map((item: Parameter) => encodeParameter(item));
  return value;
};

const run = async <Row extends object>(
  target: pg.Pool | pg.PoolClient,
  statement: Statement,
  parameters: readonly Parameter[],
): Promise<Row[]> => {
  const result = await target.query<Row>({
    name: statement.name,
    text: statement.text,
    values: parameters.map(encodeParameter),
  });
  return result.rows;
};

/** Opens a pool of at most `connections` connections to `url`. Nothing is sent before the first query. */
export function openDatabase(url: string, { connections = 20 }: { connections?: number } = {}): Database {
  const options = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
    types,
    options: `${BY_KEY} ${PLAN_ONCE}`,
  };
  const locks = openSessionLocks(options);
  const pool = new pg.Pool({ ...options, max: connections });
  // An idle connection that breaks is replaced by the pool; whoever uses one sees the error in its query.
  pool.on('error', () => undefined);
  let prisma: PrismaClient | undefined;

  return {
    get prisma() {
      return (prisma ??= loadPrisma().openPrisma(url));
    },

    query: (statement, parameters = []) => run(pool, statement, parameters),

    async transaction(work) {
      const client = await pool.connect();
      let broken: Error | undefined;
      // The server may end the session between two statements; unheard, that error would end this process.
      const onError = (error: Error): void => {
        broken = error;
      };
      client.on('error', onError);
      try {
        await client.query('BEGIN');
        const value = await work({
          query: (statement, parameters = []) => run(client, statement, parameters),
        });
        // After a failed statement PostgreSQL takes COMMIT for ROLLBACK, and reports no error.
        const { command } = await client.query('COMMIT');
        if (command !== 'COMMIT') throw new Error('The transaction was rolled back: a statement had failed.');
        return value;
      } catch (error) {
        if (isConnectionLoss(error)) broken = error instanceof Error ? error : new Error(String(error));
        else
          await client
            .query('ROLLBACK')
            .catch((cause: unknown) => (broken = new Error('rollback', { cause })));
        throw error;
      } finally {
        client.off('error', onError);
        client.release(broken);
      }
    },

    tryLock: (key) => locks.tryLock(key),
    connections: () => ({ open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),

    async close() {
      await locks.close();
      await prisma?.$disconnect();
      await pool.end();
    },
  };
}

const loadPrisma = (): { openPrisma: typeof openPrisma } =>
  require('./prisma.ts') as { openPrisma: typeof openPrisma };
