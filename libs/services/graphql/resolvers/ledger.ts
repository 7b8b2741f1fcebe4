import type { Ledger, LedgerStatus } from '@dockchains/ledger';
import { isRecordId, parseRecord } from '@dockchains/records';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext, RecordEntry } from '../context.ts';
import { ApiError } from '../errors.ts';

type LedgerView = Pick<Ledger, 'origin' | 'verifierKey'> & LedgerStatus & { readonly ledger: Ledger };

const END = 2n ** 63n - 1n;
const INDEX = /^(?:0|[1-9][0-9]{0,18})$/;

/** Resolvers of schema/ledger.graphql. What stands in the public ledger may be read by everybody; of the private one, everybody sees the head. */
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

    checkpoint: ({ ledger }: LedgerView) => ledger.publishedCheckpoint(),

    entries: (
      { origin, ledger }: LedgerView,
      args: PageArgs,
      { readable }: GraphqlContext,
    ): Promise<Connection<RecordEntry & { readonly index: bigint }>> =>
      readConnection(args, {
        list: ['entries', origin],
        keyOf: ({ index }) => index.toString(),
        read: async ({ after, limit }) => {
          const start = after === undefined ? 0n : parseIndex(after) + 1n;
          const entries = await ledger.readEntries(start, limit, await readable());
          return entries.map((entry) => ({ ledger, ...entry }));
        },
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
    kind: ({ statement }: RecordEntry) => parseRecord(statement).kind,
    origin: ({ ledger }: RecordEntry) => ledger.origin,
    state: async ({ ledger, index }: RecordEntry, _: unknown, { publishedSize }: GraphqlContext) => {
      if (index === undefined) return 'QUEUED';
      return index < (await publishedSize(ledger)) ? 'PUBLISHED' : 'SEQUENCED';
    },
    entry: ({ entry }: RecordEntry) => Buffer.from(entry).toString('base64'),
    statement: ({ statement }: RecordEntry) => Buffer.from(statement).toString('utf8'),
    proof: ({ ledger, index }: RecordEntry) => (index === undefined ? null : ledger.prove(index)),
  },
};

async function findLedger({ ledgers }: GraphqlContext, origin: unknown): Promise<LedgerView | null> {
  const ledger = ledgers.all.find((candidate) => candidate.origin === origin);
  if (ledger === undefined) return null;
  return { ledger, origin: ledger.origin, verifierKey: ledger.verifierKey, ...(await ledger.status()) };
}

function parseIndex(text: string): bigint {
  const index = INDEX.test(text) ? BigInt(text) : END;
  if (index < END) return index;
  throw new ApiError('BAD_USER_INPUT', 'The cursor names an index that no ledger has.');
}
