import type { Queryable, Transaction } from '@dockchains/database';
import { appendLeaves, encodeFrontier, hashLeaf, parseFrontier, type Frontier } from '@dockchains/tlog';

import type { Batch } from './context.ts';

/** An entry on its way into the log, without an index yet. */
export interface NewEntry {
  readonly recordId: string;
  readonly entry: Uint8Array;
}

/** The committed head of a log. */
export interface Head {
  readonly size: bigint;
  readonly root: Uint8Array;
  readonly frontier: Frontier;
}

interface HeadRow {
  size: bigint;
  root: Buffer;
  frontier: Buffer;
}

const LOCK_HEAD = {
  name: 'ledger-lock-head',
  text: 'SELECT size, root, frontier FROM ledger WHERE id = $1 FOR UPDATE',
};
const READ_HEAD = { name: 'ledger-read-head', text: 'SELECT size, root, frontier FROM ledger WHERE id = $1' };
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
const INSERT_NODES = {
  name: 'ledger-insert-nodes',
  text: `INSERT INTO ledger_node (ledger_id, level, index, hash)
         SELECT $1, level, index, hash FROM unnest($2::smallint[], $3::bigint[], $4::bytea[]) AS n (level, index, hash)`,
};
const MOVE_HEAD = {
  name: 'ledger-move-head',
  text: 'UPDATE ledger SET size = $2, root = $3, frontier = $4 WHERE id = $1',
};

const toHead = (rows: HeadRow[], ledgerId: number): Head => {
  const [row] = rows;
  if (row === undefined) throw new Error(`ledger ${ledgerId} has no row`);
  return { size: row.size, root: row.root, frontier: parseFrontier(row.frontier, row.size) };
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
  const next = appendLeaves(head.size, head.frontier, leafHashes);
  const recordIds = entries.map(({ recordId }) => recordId);
  await transaction.query(INSERT_ENTRIES, [
    ledgerId,
    head.size,
    recordIds,
    entries.map(({ entry }) => entry),
    leafHashes,
  ]);
  await transaction.query(INSERT_RECORDS, [ledgerId, head.size, recordIds]);
  if (next.nodes.length > 0) {
    await transaction.query(INSERT_NODES, [
      ledgerId,
      next.nodes.map(({ level }) => level),
      next.nodes.map(({ index }) => index),
      next.nodes.map(({ hash }) => hash),
    ]);
  }
  await transaction.query(MOVE_HEAD, [ledgerId, next.size, next.root, encodeFrontier(next.frontier)]);
  return {
    batch: { start: head.size, end: next.size, root: next.root },
    head: { size: next.size, root: next.root, frontier: next.frontier },
  };
}
