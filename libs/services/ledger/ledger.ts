import type { Readable } from '@dockchains/access';
import type { Parameter, Transaction } from '@dockchains/database';
import type { LedgerRecord } from '@dockchains/records';
import { encodeVerifierKey, type Origin, type TileId } from '@dockchains/tlog';
import { LRUCache } from 'lru-cache';

import { enqueue, prepareEntries, type PreparedEntry, queueParameters } from './append.ts';
import { beginLedger } from './begin.ts';
import { namesOf } from './closed-ledgers.ts';
import type { LedgerContext, LedgerDeps } from './context.ts';
import { type Cosigning, openCosigning } from './cosigning.ts';
import { type EntrySource, openListeners } from './entry-source.ts';
import { QUEUED_AT_MOST } from './entries.ts';
import { LedgerError } from './errors.ts';
import { freezeLedger } from './freeze.ts';
import { findPublishedHead, type KeptHead } from './heads.ts';
import { openHeld } from './held.ts';
import {
  findEntries,
  proveEntry,
  readEntries,
  type FoundEntry,
  type IndexedEntry,
  type Shown,
} from './reads.ts';
import { createSealedReader, type SealedReader } from './sealed/read-sealed.ts';
import { openScopeKeys } from './sealed/scope-keys.ts';
import { endScope } from './sealed/scopes.ts';
import { createSealer } from './sealed/seal.ts';
import { Sequencer } from './sequencer.ts';
import { readBundle, readTile, type TileCache } from './tiles.ts';

const MAX_QUEUED = 200_000n;
const TILE_CACHE_BYTES = 32 * 1024 * 1024;

const READ_STATUS = {
  name: 'ledger-read-status',
  text: `SELECT l.size, p.size AS published, p.published_at, a.announced_at, ${QUEUED_AT_MOST} AS queued
         FROM ledger l JOIN published_checkpoint p ON p.ledger_id = l.id
           LEFT JOIN announced_head a ON a.ledger_id = l.id AND a.size > p.size
         WHERE l.id = $1`,
};

/** How a ledger stands. */
export interface LedgerStatus {
  /** Why writes are refused, if they are. */
  readonly frozen: string | undefined;
  /** Whether this gateway sequences. */
  readonly leading: boolean;
  readonly size: bigint;
  readonly publishedSize: bigint;
  readonly publishedAt: Date;
  /** Since when a signed head waits for cosignatures, where one does. */
  readonly waitingSince: Date | undefined;
  /** How many records wait for their index; never less than there are. */
  readonly queued: bigint;
}

/** One log of one visibility, as the services above see it. */
export interface Ledger extends Cosigning {
  readonly origin: Origin;
  readonly name: string;
  /** The log's C2SP verifier key. */
  readonly verifierKey: string;
  /**
   * Gives records of one repository their final bytes, for `append`, sealed where the ledger seals; those of no repository
   * stay in the clear. Not within a transaction: it may write in one of its own.
   * @throws LedgerError FROZEN, BUSY; RecordError TOO_LARGE
   */
  prepare(
    repository: { readonly name: string } | undefined,
    records: readonly LedgerRecord[],
  ): Promise<readonly PreparedEntry[]>;
  /**
   * Queues entries of one `prepare` in the caller's transaction; acknowledged exactly if that commits. Call `wake`
   * afterwards. SQLSTATE 40001 says that the scope of sealed ones has closed meanwhile: prepare anew.
   */
  append(transaction: Transaction, prepared: readonly PreparedEntry[]): Promise<void>;
  /** The parameters of the SQL function `ledger_enqueue`, in its order: for a function that appends as its last step. */
  queueParameters(prepared: readonly PreparedEntry[]): Parameter[];
  /**
   * Resolves once these records, appended in a transaction that has committed, are in the published tree and, where peers replicate
   * the ledger, a peer's mirror has cosigned that: only such a record survives the loss of everything here.
   * @throws LedgerError NOT_HELD after 20 seconds
   */
  untilHeld(recordIds: readonly string[]): Promise<void>;
  /**
   * Returns if records would be taken now: for whoever is about to take in what could not be recorded.
   * @throws LedgerError FROZEN, BUSY
   */
  requireWritable(): void;
  wake(): void;
  /**
   * Takes no records any more and signs nothing, on every gateway and over restarts, for this reason: for a ledger whose key is
   * proven to have signed two histories. Durable when it resolves.
   */
  freeze(reason: string): Promise<void>;
  /** The signed note that everybody may see. */
  publishedCheckpoint(): Promise<string>;
  publishedSize(): Promise<bigint>;
  publishedHead(): Promise<KeptHead>;
  readTile(tile: TileId): Promise<Uint8Array | undefined>;
  readBundle(bundle: { index: bigint; width: number }): Promise<Uint8Array | undefined>;
  /** The published entries as they stand in the log, sealed ones as they are: for a log that everybody may read. */
  source(organisation: string): EntrySource;
  /** For those whose right to it was asked for already; a sealed entry comes as it is. */
  findEntry(recordId: string): Promise<FoundEntry | undefined>;
  /** Ends the open scope of a repository, in the caller's transaction: nothing more is sealed under it. */
  endScope(transaction: Transaction, repository: string): Promise<void>;
  /** The entries of those records that there are, by record id: in a ledger of sealed records, those that may be read. */
  findEntries(
    recordIds: readonly string[],
    readable: Readable,
  ): Promise<ReadonlyMap<string, Shown<FoundEntry>>>;
  /** Up to `limit` published entries from `start` on: in a ledger of sealed records, of those that may be read. */
  readEntries(start: bigint, limit: number, readable: Readable): Promise<Shown<IndexedEntry>[]>;
  /**
   * A C2SP tlog-proof with the entry, or the disclosure of a sealed one, in its `extra` line; undefined while the entry is
   * not published. The caller has asked for the right to it.
   */
  prove(index: bigint): Promise<string | undefined>;
  status(): Promise<LedgerStatus>;
  /** Finishes the step under way and lets another gateway sequence. */
  close(): Promise<void>;
}

/**
 * Opens a ledger, begins it where it has never begun, recovers it where the database was put back, and runs its
 * commit protocol until closed.
 * @throws LedgerError FROZEN if the keys, the database and the tile store do not belong together
 */
export async function openLedger(given: LedgerDeps): Promise<Ledger> {
  const { files, ledger: name } = namesOf(given.origin);
  const publications = openListeners();
  const deps: LedgerDeps = {
    ...given,
    async onStep(step, batch) {
      if (step === 'published') publications.notify();
      await given.onStep?.(step, batch);
    },
  };
  const context = openContext(deps, files, await beginLedger(deps, files));
  const cache: TileCache = new LRUCache({
    maxSize: TILE_CACHE_BYTES,
    sizeCalculation: (bytes) => Math.max(1, bytes.length),
  });
  const sequencer = new Sequencer(context);
  await sequencer.start();

  const reader = openReader(context);
  const held = openHeld(context, (listener) => publications.subscribe(listener));

  // What was shown once is never taken back, also while a database put back to an earlier state is not yet recovered.
  let newest: KeptHead | undefined;
  const published = async (): Promise<KeptHead> => {
    const head = await findPublishedHead(deps.database, context.ledgerId);
    if (head !== undefined && (newest === undefined || head.size >= newest.size)) newest = head;
    if (newest !== undefined) return newest;
    throw new LedgerError('CONTRADICTION', `${deps.origin} has no published checkpoint.`);
  };

  const onPublished = (): void => {
    publications.notify();
    sequencer.wake();
  };
  return {
    ...openCosigning(context, { cache, onPublished }),
    origin: deps.origin,
    name,
    verifierKey: encodeVerifierKey(deps.signer.verifierKey),

    async prepare(repository, records) {
      refuseWrites(sequencer, deps.origin);
      const { sealer } = context;
      if (sealer === undefined || repository === undefined) return prepareEntries(records);
      return sealer.prepare(repository.name, records);
    },
    append: (transaction, prepared) => enqueue(transaction, context.ledgerId, prepared),
    queueParameters: (prepared) => queueParameters(context.ledgerId, prepared),
    untilHeld: (recordIds) => held.until(recordIds),
    requireWritable: () => {
      refuseWrites(sequencer, deps.origin);
    },
    wake: () => {
      sequencer.wake();
    },
    async freeze(reason) {
      await freezeLedger(context, reason);
      sequencer.wake();
    },

    publishedCheckpoint: async () => (await published()).note,
    publishedSize: async () => (await published()).size,
    publishedHead: published,
    readTile: (tile) => readTile(context, cache, tile),
    readBundle: (bundle) => readBundle(context, cache, bundle),
    source: (organisation) => ({
      ...{ origin: deps.origin, organisation, subscribe: (listener) => publications.subscribe(listener) },
      publishedSize: async () => (await published()).size,
      read: (start, limit) => readEntries(context, start, limit),
    }),
    findEntry: async (recordId) => (await findEntries(context, [recordId])).get(recordId),
    endScope: (transaction, repository) => endScope(transaction, repository, deps.clock()),
    findEntries: (recordIds, readable) => reader.findEntries(recordIds, readable),
    readEntries: (start, limit, readable) => reader.readEntries(start, limit, readable),
    prove: (index) => proveEntry(context, { cache, disclose: (entry) => reader.disclose(entry) }, index),

    async status() {
      const [row] = await deps.database.query<{
        size: bigint;
        published: bigint;
        published_at: Date;
        announced_at: Date | null;
        queued: bigint;
      }>(READ_STATUS, [context.ledgerId]);
      if (row === undefined)
        throw new LedgerError('CONTRADICTION', `${deps.origin} has no row in the database.`);
      const { frozen, leading } = sequencer.state;
      return {
        frozen,
        leading,
        size: row.size,
        publishedSize: row.published,
        publishedAt: row.published_at,
        waitingSince: row.announced_at ?? undefined,
        queued: row.queued,
      };
    },

    close: () => sequencer.stop(),
  };
}

function openContext(deps: LedgerDeps, name: string, ledgerId: number): LedgerContext {
  const context = { ...deps, name, ledgerId };
  const { sealing } = deps;
  if (sealing === undefined) return context;
  return { ...context, sealer: createSealer({ ...context, sealing }, openScopeKeys(sealing.keys)) };
}

function openReader(context: LedgerContext): SealedReader {
  const { database, ledgerId, sealer } = context;
  if (sealer !== undefined) return createSealedReader({ database, ledgerId, keyOf: sealer.keyOf });
  return {
    async findEntries(recordIds) {
      const found = await findEntries(context, recordIds);
      return new Map([...found].map(([recordId, entry]) => [recordId, { ...entry, statement: entry.entry }]));
    },
    async readEntries(start, limit) {
      const entries = await readEntries(context, start, limit);
      return entries.map((entry) => ({ ...entry, statement: entry.entry }));
    },
    disclose: ({ entry }) => Promise.resolve(entry),
  };
}

const refuseWrites = ({ state }: Sequencer, origin: Origin): void => {
  if (state.frozen !== undefined) {
    throw new LedgerError(
      'FROZEN',
      `${origin} takes no records now: ${state.frozen}. Reads go on; try again later.`,
    );
  }
  if (state.queued > MAX_QUEUED) {
    throw new LedgerError(
      'BUSY',
      `${origin} has ${state.queued} records waiting: try again in a few seconds.`,
    );
  }
};
