import type { Access, Principal } from '@dockchains/access';
import type { Ledger, Ledgers } from '@dockchains/ledger';
import type { Registry } from '@dockchains/registry';
import DataLoader from 'dataloader';
import type { FastifyBaseLogger } from 'fastify';

import { ApiError } from './errors.ts';
import { LIMITS } from './limits.ts';

/** What the resolvers stand on. */
export type GraphqlServices = {
  readonly access: Access;
  readonly ledgers: Ledgers;
  readonly registry: Registry;
};

/** A ledger's record as the resolvers pass it on; no index while it is queued. */
export type RecordEntry = {
  readonly recordId: string;
  readonly entry: Uint8Array;
  readonly index: bigint | undefined;
};

/** One request: who asks, through what, and until when. Nothing in it outlives the request. */
export type GraphqlContext = GraphqlServices & {
  readonly ledger: Ledger;
  readonly principal: Principal;
  readonly requestId: string;
  readonly log: FastifyBaseLogger;
  /** Records by id: those that the fields of one level name are read by one query. */
  readonly records: DataLoader<string, RecordEntry | undefined>;
  /** The published size, read once: all records of an answer are judged by the same. */
  readonly publishedSize: () => Promise<bigint>;
  readonly deadline: Deadline;
};

/** When a request's time is over. */
type Deadline = {
  readonly signal: AbortSignal;
  /** Rejects with TIMEOUT when the time is over. */
  readonly over: Promise<never>;
};

/** Makes the context of one request that came in under `requestId`. */
export function createContext(
  services: GraphqlServices,
  request: Pick<GraphqlContext, 'principal' | 'requestId' | 'log'>,
): GraphqlContext {
  const ledger = services.ledgers.public;
  let publishedSize: Promise<bigint> | undefined;
  return {
    ...services,
    ...request,
    ledger,
    records: new DataLoader((ids) => findRecords(ledger, ids)),
    publishedSize: () => (publishedSize ??= ledger.publishedSize()),
    deadline: startDeadline(LIMITS.timeoutMs),
  };
}

async function findRecords(
  ledger: Ledger,
  recordIds: readonly string[],
): Promise<readonly (RecordEntry | undefined)[]> {
  const found = await ledger.findEntries(recordIds);
  return recordIds.map((recordId) => {
    const entry = found.get(recordId);
    return entry === undefined ? undefined : { recordId, ...entry };
  });
}

function startDeadline(timeoutMs: number): Deadline {
  const signal = AbortSignal.timeout(timeoutMs);
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(
        new ApiError('TIMEOUT', `The answer took longer than ${timeoutMs / 1000} seconds: ask for less.`),
      );
    });
  });
  over.catch(() => undefined); // most requests are over long before, and nobody waits any more
  return { signal, over };
}
