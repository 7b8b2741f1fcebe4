import { AccessError } from '@dockchains/access';
import { LedgerError } from '@dockchains/ledger';
import { OciError } from '@dockchains/oci';
import { GraphQLError } from 'graphql';
import { describe, expect, test } from 'vitest';

import { ApiError } from './errors.ts';
import { guardFields } from './guard.ts';

type Logged = { readonly requestId: string; readonly err: unknown };

const refused = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:5432'), { code: 'ECONNREFUSED' });

function open({ over = new Promise<never>(() => undefined) }: { over?: Promise<never> } = {}) {
  const logged: Logged[] = [];
  const log = { error: (fields: Logged) => void logged.push(fields) };
  return { context: { requestId: 'req-7', log, deadline: { over } }, logged };
}

async function errorOf(
  resolver: () => unknown,
  context: object = open().context,
): Promise<GraphQLError | undefined> {
  const { field } = guardFields({ field: resolver });
  try {
    await field?.({}, {}, context);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(GraphQLError);
    return error instanceof GraphQLError ? error : undefined;
  }
}

describe('a resolver', () => {
  test('that succeeds gives its value, with or without waiting', async () => {
    const { now, later } = guardFields({ now: () => 1, later: () => Promise.resolve(2) });
    const { context } = open();
    expect(now?.({}, {}, context)).toBe(1);
    expect(await later?.({}, {}, context)).toBe(2);
  });

  test.each([
    { error: new AccessError('UNAUTHORIZED', 'Sign in.'), code: 'UNAUTHENTICATED' },
    { error: new AccessError('DENIED', 'You may not.'), code: 'FORBIDDEN' },
    { error: new AccessError('ACCOUNT_UNKNOWN', 'No such account.'), code: 'NOT_FOUND' },
    { error: new AccessError('TOO_MANY', 'Wait.'), code: 'TOO_MANY_REQUESTS' },
    { error: new OciError('DIGEST_INVALID', 'No digest.'), code: 'BAD_USER_INPUT' },
    { error: new LedgerError('FROZEN', 'The ledger is frozen.'), code: 'UNAVAILABLE' },
    { error: new ApiError('TIMEOUT', 'Too long.'), code: 'TIMEOUT' },
  ])(
    'that refuses with $error.name $error.code is answered with $code and its words',
    async ({ error, code }) => {
      const { context, logged } = open();
      const answered = await errorOf(() => Promise.reject(error), context);
      expect([answered?.extensions, answered?.message, logged]).toEqual([{ code }, error.message, []]);
    },
  );

  test.each([
    { name: 'in time', fail: (error: Error) => Promise.reject(error) },
    {
      name: 'at once',
      fail: (error: Error) => {
        throw error;
      },
    },
  ])('that fails $name is answered without the words of what failed, which are logged', async ({ fail }) => {
    const inner = new Error('relation "account" does not exist at 10.1.2.3');
    const { context, logged } = open();
    const answered = await errorOf(() => fail(inner), context);

    expect(answered?.extensions).toEqual({ code: 'INTERNAL', requestId: 'req-7' });
    expect(JSON.stringify(answered)).not.toMatch(/relation|10\.1/);
    expect(logged).toEqual([{ err: inner, requestId: 'req-7' }]);
  });

  test('that finds no database is answered with UNAVAILABLE, and not where the database is', async () => {
    const answered = await errorOf(() => Promise.reject(refused));
    expect(answered?.extensions).toEqual({ code: 'UNAVAILABLE' });
    expect(JSON.stringify(answered)).not.toContain('10.1.2.3');
  });

  test('that does not end is answered when the time of the request is over', async () => {
    const { context } = open({ over: Promise.reject(new ApiError('TIMEOUT', 'Too long.')) });
    const answered = await errorOf(() => new Promise(() => undefined), context);
    expect(answered?.extensions).toEqual({ code: 'TIMEOUT' });
  });
});

test('an entity is resolved from its representation alone', () => {
  const { __resolveReference: resolve } = guardFields({
    __resolveReference: (representation: { id: string }, args: object) => [representation.id, args],
  });
  expect(resolve?.({ id: 'a' }, open().context, {})).toEqual(['a', {}]);
});
