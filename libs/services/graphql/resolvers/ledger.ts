import type { Ledger, LedgerStatus } from '@dockchains/ledger';
import { isRecordId, parseRecord } from '@dockchains/records';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext, RecordEntry } from '../context.ts';
import { ApiError } from '../errors.ts';

type LedgerView = Pick<Ledger, 'origin' | 'verifierKey'> & LedgerStatus;

const END = 2n ** 63n - 1n;
const INDEX = /^(?:0|[1-9][0-9]{0,18})$/;

/** Resolvers of schema/ledger.graphql. What stands in the public ledger may be read by everybody. */
export const ledgerTypes = {
  Query: {
    record: (
      _: unknown,
      { id }: { id: string },
      { records }: GraphqlContext,
    ): Promise<RecordEntry | undefined> => {
      if (isRecordId(id)) return records.load(id);
      throw new ApiError('BAD_USER_INPUT', 'A record id is 32 lowercase hexadecimal digits.');
    },

    ledger: (
      _: unknown,
      { origin }: { origin: string },
      context: GraphqlContext,
    ): Promise<LedgerView | null> => findLedger(context, origin),
  },

  Ledger: {
    __resolveReference: (
      { origin }: { origin?: unknown },
      _: unknown,
      context: GraphqlContext,
    ): Promise<LedgerView | null> => findLedger(context, origin),

    queued: ({ queued }: LedgerView) => Number(queued),

    checkpoint: (_: unknown, __: unknown, { ledger }: GraphqlContext) => ledger.publishedCheckpoint(),

    entries: (
      { origin }: LedgerView,
      args: PageArgs,
      { ledger }: GraphqlContext,
    ): Promise<Connection<RecordEntry & { readonly index: bigint }>> =>
      readConnection(args, {
        list: ['entries', origin],
        keyOf: ({ index }) => index.toString(),
        read: ({ after, limit }) =>
          ledger.readEntries(after === undefined ? 0n : parseIndex(after) + 1n, limit),
      }),
  },

  Record: {
    __resolveReference: async (
      { id }: { id?: unknown },
      _: unknown,
      { records }: GraphqlContext,
    ): Promise<RecordEntry | null> =>
      typeof id === 'string' && isRecordId(id) ? ((await records.load(id)) ?? null) : null,

    id: ({ recordId }: RecordEntry) => recordId,
    kind: ({ entry }: RecordEntry) => parseRecord(entry).kind,
    origin: (_: unknown, __: unknown, { ledger }: GraphqlContext) => ledger.origin,
    state: async ({ index }: RecordEntry, _: unknown, { publishedSize }: GraphqlContext) => {
      if (index === undefined) return 'QUEUED';
      return index < (await publishedSize()) ? 'PUBLISHED' : 'SEQUENCED';
    },
    entry: ({ entry }: RecordEntry) => Buffer.from(entry).toString('base64'),
    statement: ({ entry }: RecordEntry) => Buffer.from(entry).toString('utf8'),
    proof: ({ index }: RecordEntry, _: unknown, { ledger }: GraphqlContext) =>
      index === undefined ? null : ledger.prove(index),
  },
};

async function findLedger({ ledger }: GraphqlContext, origin: unknown): Promise<LedgerView | null> {
  if (origin !== ledger.origin) return null;
  return { origin: ledger.origin, verifierKey: ledger.verifierKey, ...(await ledger.status()) };
}

function parseIndex(text: string): bigint {
  const index = INDEX.test(text) ? BigInt(text) : END;
  if (index < END) return index;
  throw new ApiError('BAD_USER_INPUT', 'The cursor names an index that no ledger has.');
}
