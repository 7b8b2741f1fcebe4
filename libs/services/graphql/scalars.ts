import { GraphQLScalarType } from 'graphql';

/** Output only: an index or size as a decimal string, since JSON's numbers end at 2^53. */
export const LEDGER_INDEX = new GraphQLScalarType<bigint, string>({
  name: 'LedgerIndex',
  serialize(value) {
    if (typeof value === 'bigint' && value >= 0n) return value.toString();
    throw new TypeError('A ledger index is a bigint that is not negative.');
  },
});

/** Output only: RFC 3339 with milliseconds, UTC. */
export const DATE_TIME = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  serialize(value) {
    if (value instanceof Date) return value.toISOString();
    throw new TypeError('A time is a Date.');
  },
});
