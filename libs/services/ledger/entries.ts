import type { Queryable, Transaction } from '@dockchains/database';
import {
  appendLeaves,
  encodeFrontier,
  type Frontier,
  frontierRoot,
  hashLeaf,
  parseFrontier,
} from '@dockchains/tlog';

import type { Batch } from './context.ts';
import { LedgerError } from './errors.ts';

/** An entry on its way into the log, without an index yet. */
export interface NewEntry {
  readonly recordId: string;
  readonly entry: Uint8Array;
}

/** An entry as it stands in the queue. */
export interface QueuedEntry extends NewEntry {
  readonly position: bigint;
}

/** The committed head of a log. */
export interface Head {
  readonly size: bigint;
  readonly root: Uint8Array;
  readonly frontier: Frontier;
  /** Why nothing more is to be given an index or signed, if that is so. */
  readonly frozen?: string;
}

interface HeadRow {
  size: bigint;
  root: Buffer;
  frontier: Buffer;
  frozen: string | null;
}

/**
 * SQL: how many records the ledger `$1` has in the queue; never less than there are, and more where positions are unused or
 * another ledger's. Two look-ups in an index, however long the queue is.
 */
export const QUEUED_AT_MOST =
  '(SELECT COALESCE(max(position) - min(position) + 1, 0) FROM ledger_queue WHERE ledger_id = $1)';

const LOCK_HEAD = {
  name: 'ledger-lock-head',
  text: 'SELECT size, root, frontier, frozen FROM ledger WHERE id = $1 FOR NO KEY UPDATE',
};
const READ_HEAD = {
  name: 'ledger-read-head',
  text: 'SELECT size, root, frontier, frozen FROM ledger WHERE id = $1',
};
const INSERT_ENTRIES = {
  name: 'ledger-insert-entries',
  text: `INSERT INTO ledger_entry (ledger_id, index, record_id, entry, leaf_hash)
         SELECT $1, $2::bigint + n - 1, record_id, entry, leaf_hash
         FROM unnest($3::text[], $4::bytea[], $5::bytea[]) WITH ORDINALITY AS e (record_id, entry, leaf_hash, n)`,
};
const INSERT_RECORDS = {
  name: 'ledger-insert-records',
  text: `INSERT INTO ledger_record (ledger_id, record_id, index)
         SELECT $1, record_id, $2::bigint + n - 1 FROM unnest($3::text[]) WITH ORDINALITY AS r (record_id, n)`,
};
// The entries go from the queue into the log without leaving the server; their leaf hashes come in a row, 32 bytes each. Record ids
// are random: sorted, they meet each page of their index once.
const MOVE_QUEUED = {
  name: 'ledger-move-queued',
  text: `WITH taken AS (
           DELETE FROM ledger_queue q USING unnest($3::bigint[]) WITH ORDINALITY AS p (position, n)
           WHERE q.position = p.position AND q.ledger_id = $1
           RETURNING p.n, q.record_id, q.entry
         ), entries AS (
           INSERT INTO ledger_entry (ledger_id, index, record_id, entry, leaf_hash)
           SELECT $1, $2::bigint + n - 1, record_id, entry, substr($4::bytea, (n::int - 1) * 32 + 1, 32)
           FROM taken ORDER BY n
         ), records AS (
           INSERT INTO ledger_record (ledger_id, record_id, index)
           SELECT $1, record_id, $2::bigint + n - 1 FROM taken ORDER BY record_id
         )
         SELECT count(*) AS moved FROM taken`,
};
const MOVE_HEAD = {
  name: 'ledger-move-head',
  text: `WITH nodes AS (
           INSERT INTO ledger_node (ledger_id, level, index, hash)
           SELECT $1, level, index, substr($7::bytea, (n::int - 1) * 32 + 1, 32)
           FROM unnest($5::smallint[], $6::bigint[]) WITH ORDINALITY AS nodes (level, index, n)
         )
         UPDATE ledger SET size = $2, root = $3, frontier = $4 WHERE id = $1`,
};

const toHead = (rows: HeadRow[], ledgerId: number): Head => {
  const [row] = rows;
  if (row === undefined) throw new Error(`ledger ${ledgerId} has no row`);
  const { size, root, frozen } = row;
  const frontier = parseFrontier(row.frontier, size);
  // What is signed next grows out of these: one bit changed in them must not be signed (Nessie 2024).
  if (!root.equals(frontierRoot(frontier))) {
    throw new LedgerError(
      'CONTRADICTION',
      `The database's root at ${size} entries is not the one of its frontier: a disk changed bytes, or somebody else did. Put the database back.`,
    );
  }
  return { size, root, frontier, ...(frozen !== null && { frozen }) };
};

/** Locks the head until the transaction ends: indices are given out one transaction at a time, without gaps. */
export async function lockHead(transaction: Transaction, ledgerId: number): Promise<Head> {
  return toHead(await transaction.query<HeadRow>(LOCK_HEAD, [ledgerId]), ledgerId);
}

/** The committed head now. */
export async function readHead(database: Queryable, ledgerId: number): Promise<Head> {
  return toHead(await database.query<HeadRow>(READ_HEAD, [ledgerId]), ledgerId);
}

/** Writes entries behind a locked head and moves it; tiles follow from these rows alone. */
export async function insertEntries(
  transaction: Transaction,
  ledgerId: number,
  head: Head,
  entries: readonly NewEntry[],
): Promise<{ batch: Batch; head: Head }> {
  const leafHashes = entries.map(({ entry }) => hashLeaf(entry));
  const recordIds = entries.map(({ recordId }) => recordId);
  const bytes = entries.map(({ entry }) => entry);
  await transaction.query(INSERT_ENTRIES, [ledgerId, head.size, recordIds, bytes, leafHashes]);
  await transaction.query(INSERT_RECORDS, [ledgerId, head.size, recordIds]);
  return moveHead(transaction, ledgerId, head, leafHashes);
}

/** As {@link insertEntries}, with entries that stand in the queue, in this order. @throws LedgerError CONTRADICTION */
export async function moveQueued(
  transaction: Transaction,
  ledgerId: number,
  head: Head,
  queued: readonly QueuedEntry[],
): Promise<{ batch: Batch; head: Head }> {
  const leafHashes = queued.map(({ entry }) => hashLeaf(entry));
  const [row] = await transaction.query<{ moved: bigint }>(MOVE_QUEUED, [
    ledgerId,
    head.size,
    queued.map(({ position }) => position),
    Buffer.concat(leafHashes),
  ]);
  if (row?.moved === BigInt(queued.length)) return moveHead(transaction, ledgerId, head, leafHashes);
  throw new LedgerError(
    'CONTRADICTION',
    `Of ${queued.length} queued records ${row?.moved ?? 0n} were there when they got their indices: something else than a gateway writes to the database.`,
  );
}

const moveHead = async (
  transaction: Transaction,
  ledgerId: number,
  head: Head,
  leafHashes: readonly Uint8Array[],
): Promise<{ batch: Batch; head: Head }> => {
  const { size, root, frontier, nodes } = appendLeaves(head.size, head.frontier, leafHashes);
  await transaction.query(MOVE_HEAD, [
    ...[ledgerId, size, root, encodeFrontier(frontier)],
    nodes.map(({ level }) => level),
    nodes.map(({ index }) => index),
    Buffer.concat(nodes.map(({ hash }) => hash)),
  ]);
  return { batch: { start: head.size, end: size, root }, head: { size, root, frontier } };
};
