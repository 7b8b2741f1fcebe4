import type { TileStore } from '@dockchains/blobs';
import type { Database, Transaction } from '@dockchains/database';
import type { LedgerRecord } from '@dockchains/records';
import type { NoteSigner, Origin } from '@dockchains/tlog';

import type { Publication } from './publish.ts';
import type { Sealing } from './sealed/scopes.ts';
import type { Sealer } from './sealed/seal.ts';

/** The steps of the commit protocol (design §4), in their order. Between `signed` and `published` peers cosign, where there are some. */
export type CommitStep = 'sequenced' | 'staged' | 'signed' | 'published' | 'promoted';

/** A committed range of indices [start, end) and the tree's root at `end`. */
export interface Batch {
  readonly start: bigint;
  readonly end: bigint;
  readonly root: Uint8Array;
  /** When the oldest record in it was queued; absent where another process gave the indices. */
  readonly oldestQueuedAt?: Date;
}

/** What the ledger needs from whoever composes the gateway. */
export interface LedgerDeps {
  readonly database: Database;
  readonly tiles: TileStore;
  readonly keysDirectory: string;
  readonly origin: Origin;
  readonly signer: NoteSigner;
  /** Where the records of this ledger are sealed; without it they stand in the clear. */
  readonly sealing?: Sealing;
  /** Who must cosign a head before everybody may see it; without it nobody must. */
  readonly publication?: Publication;
  readonly clock: () => Date;
  /** At most one checkpoint in this time, in milliseconds. */
  readonly checkpointIntervalMs: number;
  /** Re-applies a recovered record to the registry's tables, in the transaction that re-inserts its entry. */
  readonly replay: (transaction: Transaction, record: LedgerRecord) => Promise<void>;
  /** Hears of each step once it is durable; the protocol waits for it. For metrics, and for tests that stop here. */
  readonly onStep?: (step: CommitStep, batch: Batch) => Promise<void> | void;
  readonly log: LedgerLog;
}

/** The few things that the ledger has to say. */
export interface LedgerLog {
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
}

/** The dependencies together with the ledger's row. */
export interface LedgerContext extends LedgerDeps {
  readonly ledgerId: number;
  /** `public`, the last component of the origin: names the ledger's keys in the tile store. */
  readonly name: string;
  /** Of a ledger that seals its records. */
  readonly sealer?: Sealer;
}

/** Where the ledger's files lie in the tile store. */
export const keyOf = (name: string, path: string): string => `log/${name}/${path}`;

/** The last note signed, beside the staged batches: the second witness of what PostgreSQL must not forget. */
export const signedKey = (name: string): string => keyOf(name, 'signed');

/** Why the ledger is frozen for good, beside them: a database that was put back forgets it. */
export const frozenKey = (name: string): string => keyOf(name, 'frozen');
