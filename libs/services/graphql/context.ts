import type { Access, Principal, Readable } from '@dockchains/access';
import type { Catalog } from '@dockchains/catalog';
import type {
  ClosedLedger,
  Evidence,
  Messages,
  Mirroring,
  Peers,
  ReplicaStatus,
  Replication,
  Undecided,
} from '@dockchains/federation';
import type { Ledger, Ledgers } from '@dockchains/ledger';
import type { Registry } from '@dockchains/registry';
import DataLoader from 'dataloader';
import type { FastifyBaseLogger } from 'fastify';

import { ApiError } from './errors.ts';
import { LIMITS } from './limits.ts';

/** What the resolvers stand on. */
export type GraphqlServices = {
  readonly access: Access;
  readonly catalog: Catalog;
  readonly ledgers: Ledgers;
  /** Those of the organisation and its peers that ended. */
  readonly closedLedgers: () => Promise<readonly ClosedLedger[]>;
  readonly messages: Pick<
    Messages,
    'listDeadLetters' | 'countDeadLetters' | 'replayDeadLetter' | 'dropDeadLetter' | 'status'
  >;
  readonly mirroring: Pick<Mirroring, 'policies'>;
  readonly peers: Peers;
  readonly replicas: {
    readonly replication: Pick<Replication, 'status'>;
    readonly evidence: Pick<Evidence, 'find' | 'list'>;
    readonly undecided: Pick<Undecided, 'list'>;
  };
  readonly registry: Registry;
};

/** A ledger's record as the resolvers pass it on; no index while it is queued. Who has it may see it. */
export type RecordEntry = {
  readonly ledger: Ledger;
  readonly recordId: string;
  readonly entry: Uint8Array;
  /** What the entry says, or hides. */
  readonly statement: Uint8Array;
  readonly index: bigint | undefined;
};

/** One request: who asks, through what, and until when. Nothing in it outlives the request. */
export type GraphqlContext = GraphqlServices & {
  /** The gateway's own. */
  readonly organisation: string;
  readonly principal: Principal;
  readonly requestId: string;
  readonly log: FastifyBaseLogger;
  /** Records by id: those that the fields of one level name are read by one query. */
  readonly records: DataLoader<string, RecordEntry | undefined>;
  /** A ledger's published size, read once: all records of an answer are judged by the same. */
  readonly publishedSize: (ledger: Ledger) => Promise<bigint>;
  /** How the replicas of peers' ledgers stand, read once. */
  readonly replicaStatus: () => Promise<readonly ReplicaStatus[]>;
  /** What the principal may read, asked once. */
  readonly readable: () => Promise<Readable>;
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
  const { access, ledgers } = services;
  const sizes = new Map<Ledger, Promise<bigint>>();
  let readable: Promise<Readable> | undefined;
  let replicas: Promise<readonly ReplicaStatus[]> | undefined;
  const findReadable = (): Promise<Readable> => (readable ??= access.findReadable(request.principal));
  return {
    ...services,
    ...request,
    // An origin begins with its organisation.
    organisation: ledgers.public.origin.slice(0, ledgers.public.origin.indexOf('/')),
    records: new DataLoader(async (ids) => findRecords(ledgers, ids, await findReadable())),
    publishedSize(ledger) {
      const size = sizes.get(ledger) ?? ledger.publishedSize();
      sizes.set(ledger, size);
      return size;
    },
    replicaStatus: () => (replicas ??= services.replicas.replication.status()),
    readable: findReadable,
    deadline: startDeadline(LIMITS.timeoutMs),
  };
}

async function findRecords(
  { all }: Ledgers,
  recordIds: readonly string[],
  readable: Readable,
): Promise<readonly (RecordEntry | undefined)[]> {
  // Every ledger is asked about every record: how long it takes says nothing of where one is.
  const found = await Promise.all(all.map((ledger) => ledger.findEntries(recordIds, readable)));
  return recordIds.map((recordId) => {
    for (const [position, ledger] of all.entries()) {
      const entry = found[position]?.get(recordId);
      if (entry !== undefined) return { ledger, recordId, ...entry };
    }
    return undefined;
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
