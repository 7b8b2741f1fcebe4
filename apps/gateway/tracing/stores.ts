import type { BlobStore } from '@dockchains/blobs';
import type { Database, Queryable } from '@dockchains/database';

import type { Tracing } from './tracing.ts';

const SYSTEM = { 'db.system.name': 'postgresql' };

/** The database, each statement of a request a span by the statement's name. What Prisma sends is not traced. */
export function traceDatabase(database: Database, tracing: Tracing): Database {
  const traced = (target: Queryable): Queryable => ({
    query: (statement, parameters) =>
      tracing.within(statement.name, { ...SYSTEM, 'db.operation.name': statement.name }, () =>
        target.query(statement, parameters),
      ),
  });
  return {
    ...traced(database),
    get prisma() {
      return database.prisma;
    },
    transaction: (work) =>
      tracing.within('transaction', SYSTEM, () =>
        database.transaction((transaction) => work(traced(transaction))),
      ),
    tryLock: (key) => tracing.within('lock', SYSTEM, () => database.tryLock(key)),
    connections: () => database.connections(),
    close: () => database.close(),
  };
}

const BLOB_OPERATIONS = [
  'stat',
  'open',
  'read',
  'put',
  'setAside',
  'restore',
  'discard',
  'listSetAside',
  'createUpload',
  'appendUpload',
  'receiveShort',
  'uploadSize',
  'commitUpload',
  'cancelUpload',
  'listUploads',
] as const satisfies readonly (keyof BlobStore)[];

/** The blob store, each operation of a request a span by its name, such as `blobs commitUpload`. */
export function traceBlobs(blobs: BlobStore, tracing: Tracing): BlobStore {
  const operations = new Set<string | symbol>(BLOB_OPERATIONS);
  return new Proxy(blobs, {
    get(target, name) {
      const operation: unknown = Reflect.get(target, name);
      if (typeof operation !== 'function' || !operations.has(name)) return operation;
      return (...args: unknown[]) =>
        tracing.within(`blobs ${String(name)}`, {}, () =>
          Promise.resolve(Reflect.apply(operation, target, args)),
        );
    },
  });
}
