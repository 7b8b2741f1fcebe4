import type { DeadLetter } from '@dockchains/federation';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';
import { ApiError } from '../errors.ts';

type Named = { readonly id: string };

/** Resolvers of schema/dead-letters.graphql. */
export const deadLettersTypes = {
  Query: {
    deadLetters: async (
      _: unknown,
      page: PageArgs,
      { access, principal, messages }: GraphqlContext,
    ): Promise<Connection<DeadLetter>> => {
      await access.requireOperator(principal);
      return readConnection(page, {
        list: ['deadLetters'],
        keyOf: ({ id }) => id.toString(),
        read: ({ after = '0', limit }) => messages.listDeadLetters({ after: parseId(after), limit }),
      });
    },
    deadLetterCount: async (
      _: unknown,
      _arguments: unknown,
      { access, principal, messages }: GraphqlContext,
    ): Promise<number> => {
      await access.requireOperator(principal);
      return messages.countDeadLetters();
    },
  },

  Mutation: {
    replayDeadLetter: async (
      _: unknown,
      { id }: Named,
      { access, principal, messages }: GraphqlContext,
    ): Promise<DeadLetter> => {
      await access.requireOperator(principal);
      return requireFound(id, await messages.replayDeadLetter(parseId(id)));
    },
    dropDeadLetter: async (
      _: unknown,
      { id }: Named,
      { access, principal, messages }: GraphqlContext,
    ): Promise<DeadLetter> => {
      await access.requireOperator(principal);
      return requireFound(id, await messages.dropDeadLetter(parseId(id)));
    },
  },

  DeadLetter: {
    id: ({ id }: DeadLetter): string => id.toString(),
    beginning: ({ beginning }: DeadLetter): string => beginning.toString('utf8').split('\n', 1)[0] ?? '',
  },
};

function parseId(text: string): bigint {
  if (/^[0-9]{1,18}$/.test(text)) return BigInt(text);
  throw new ApiError('BAD_USER_INPUT', 'The id of a message is a number, as the list gives it.');
}

function requireFound(id: string, letter: DeadLetter | undefined): DeadLetter {
  if (letter !== undefined) return letter;
  throw new ApiError('NOT_FOUND', `There is no message ${id} that was given up on; it may be gone since.`);
}
