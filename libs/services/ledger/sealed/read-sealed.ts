import type { Readable } from '@dockchains/access';
import type { Database, Statement } from '@dockchains/database';
import { encodeDisclosure, isSealedEntry, openRecord, SEALED_BEGINNING } from '@dockchains/records';

import type { FoundEntry, IndexedEntry, Shown } from '../reads.ts';
import type { ScopeKeys } from './scope-keys.ts';

/** Reads a ledger of sealed records for those who may see them; what they may not is left out before any limit. */
export interface SealedReader {
  /** The entries of those records that there are and that may be seen, by record id. */
  findEntries(
    recordIds: readonly string[],
    readable: Readable,
  ): Promise<ReadonlyMap<string, Shown<FoundEntry>>>;
  /** Up to `limit` published entries from `start` on, of those that may be seen. */
  readEntries(start: bigint, limit: number, readable: Readable): Promise<Shown<IndexedEntry>[]>;
  /** What stands in the extra line of an entry's proof: its disclosure where it is sealed, else itself. */
  disclose(entry: IndexedEntry): Promise<Uint8Array>;
}

/** What the reader stands on. */
export type SealedReaderDeps = {
  readonly database: Database;
  readonly ledgerId: number;
  readonly keyOf: ScopeKeys;
};

type SealedRow = {
  record_id: string;
  entry: Buffer;
  /** Undefined in a statement that does not ask for it. */
  index: bigint | null;
  body: Buffer | null;
  scope_id: string | null;
  label: Buffer | null;
  r_point: Buffer | null;
  panel_id: Buffer | null;
};

const COLUMNS = 'e.record_id, e.entry, e.index, s.body, c.scope_id, c.label, c.r_point, c.panel_id';
const JOINS = `LEFT JOIN sealed_record s ON s.ledger_id = $1 AND s.record_id = e.record_id
         LEFT JOIN scope c ON c.scope_id = s.scope_id`;
// A scope's own records are in the clear and name no repository: they are for operators. A public repository opens none of
// its earlier, sealed records: those are for whoever has a policy.
const IS_VISIBLE = `(CASE WHEN s.record_id IS NULL OR c.open_record_id = s.record_id THEN $3::boolean
          ELSE c.repository ~ ANY($4::text[]) AND c.repository ~ ANY($5::text[]) END)`;

// One statement, so that an entry on its way from the queue into the log is seen in one of the two.
const FIND: Statement = {
  name: 'ledger-find-sealed-entries',
  text: `SELECT ${COLUMNS} FROM (
           SELECT r.record_id, l.entry, l.index FROM ledger_record r
             JOIN ledger_entry l ON l.ledger_id = r.ledger_id AND l.index = r.index
            WHERE r.ledger_id = $1 AND r.record_id = ANY($2::text[])
           UNION ALL
           SELECT q.record_id, q.entry, NULL FROM ledger_queue q
            WHERE q.ledger_id = $1 AND q.record_id = ANY($2::text[])
         ) AS e ${JOINS}
         WHERE ${IS_VISIBLE}`,
};
const IN_ORDER = `e.ledger_id = $1 AND e.index >= $2
           AND e.index < (SELECT size FROM published_checkpoint WHERE ledger_id = $1)
         ORDER BY e.index LIMIT $3`;
// A sealed entry without its body is passed over here and not afterwards, so that a page is full unless it is the last.
const READ_ALL: Statement = {
  name: 'ledger-read-sealed-entries',
  text: `SELECT ${COLUMNS} FROM ledger_entry e ${JOINS}
         WHERE (c.scope_id IS NOT NULL OR substring(e.entry FROM 1 FOR length($4::bytea)) <> $4) AND ${IN_ORDER}`,
};
// Joined from the scopes, so that who may read little of a long ledger is not made to wait for all of it.
const READ_SOME: Statement = {
  name: 'ledger-read-some-sealed-entries',
  text: `SELECT ${COLUMNS} FROM scope c
         JOIN sealed_record s ON s.scope_id = c.scope_id AND s.ledger_id = $1 AND s.record_id <> c.open_record_id
         JOIN ledger_record r ON r.ledger_id = $1 AND r.record_id = s.record_id
         JOIN ledger_entry e ON e.index = r.index
         WHERE c.repository ~ ANY($4::text[]) AND c.repository ~ ANY($5::text[]) AND ${IN_ORDER}`,
};
const FIND_BODY: Statement = {
  name: 'ledger-find-sealed-body',
  text: `SELECT s.body, c.scope_id, c.label, c.r_point, c.panel_id FROM sealed_record s JOIN scope c ON c.scope_id = s.scope_id
         WHERE s.ledger_id = $1 AND s.record_id = $2`,
};

/** Makes the reader of a private ledger. */
export function createSealedReader({ database, ledgerId, keyOf }: SealedReaderDeps): SealedReader {
  /** Opens a row; undefined if its body is not there, which an audit finds. */
  const open = async ({
    entry,
    body,
    scope_id: scopeId,
    label,
    r_point: R,
    panel_id: panelId,
  }: Omit<SealedRow, 'index' | 'record_id'>) =>
    body === null || scopeId === null || label === null || R === null
      ? undefined
      : { ...openRecord({ ...(await keyOf({ scopeId, label, R, panelId })), entry, body }), label };

  const show = async (row: SealedRow): Promise<Uint8Array | undefined> =>
    isSealedEntry(row.entry) ? (await open(row))?.m : row.entry;

  return {
    async findEntries(recordIds, readable) {
      if (seesNothing(readable)) return new Map();
      const { everything, policies, scopes } = readable;
      const rows = await database.query<SealedRow>(FIND, [ledgerId, recordIds, everything, policies, scopes]);
      const found = new Map<string, Shown<FoundEntry>>();
      for (const row of rows) {
        const statement = await show(row);
        const { entry, index } = row;
        if (statement !== undefined)
          found.set(row.record_id, { entry, index: index ?? undefined, statement });
      }
      return found;
    },

    async readEntries(start, limit, readable) {
      if (seesNothing(readable)) return [];
      const { everything, policies, scopes } = readable;
      const rows = await database.query<SealedRow & { index: bigint }>(
        everything ? READ_ALL : READ_SOME,
        everything ? [ledgerId, start, limit, SEALED_BEGINNING] : [ledgerId, start, limit, policies, scopes],
      );
      const shown = await Promise.all(
        rows.map(async (row): Promise<Shown<IndexedEntry>[]> => {
          const statement = await show(row);
          const { index, record_id: recordId, entry } = row;
          return statement === undefined ? [] : [{ index, recordId, entry, statement }];
        }),
      );
      return shown.flat();
    },

    async disclose({ entry, recordId }) {
      if (!isSealedEntry(entry)) return entry;
      const [row] = await database.query<Omit<SealedRow, 'entry'>>(FIND_BODY, [ledgerId, recordId]);
      const record = row === undefined ? undefined : await open({ ...row, entry: Buffer.from(entry) });
      if (record === undefined) throw new Error(`the body of the sealed record ${recordId} is missing`);
      return encodeDisclosure({ ...record, entry });
    },
  };
}

/** Whoever has no policy, or no scope: the public above all, who need not cost a query. */
function seesNothing({ everything, policies, scopes }: Readable): boolean {
  return !everything && (policies.length === 0 || scopes.length === 0);
}
