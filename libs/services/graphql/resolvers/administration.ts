import {
  type Access,
  AccessError,
  type Account,
  type Action,
  type NamespaceRule,
  type Policy,
  type Visibility,
} from '@dockchains/access';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import type { GraphqlContext } from '../context.ts';

/** What the services call each Action. */
export const ACTIONS = {
  PULL: 'pull',
  PUSH: 'push',
  TAG_CREATE: 'tag:create',
  TAG_MOVE: 'tag:move',
  DELETE: 'delete',
  ADMIN: 'admin',
};

type Named = { readonly username: string };
type WithPassword = Named & { readonly password: string };
type WithPattern = Named & { readonly pattern: string };

/** Resolvers of schema/administration.graphql; each asks first whether an operator asks. */
export const administrationTypes = {
  Query: {
    accounts: forOperators((args: PageArgs, access): Promise<Connection<Account>> =>
      readConnection(args, {
        list: ['accounts'],
        keyOf: ({ username }) => username,
        read: (page) => access.listAccounts(page),
      }),
    ),
    namespaceRules: forOperators((args: PageArgs, access): Promise<Connection<NamespaceRule>> =>
      readConnection(args, {
        list: ['namespaceRules'],
        keyOf: ({ pattern }) => pattern,
        read: (page) => access.listNamespaceRules(page),
      }),
    ),
  },

  Account: {
    principalId: ({ id }: Account) => id,
    disabled: ({ disabledAt }: Account) => disabledAt !== undefined,
  },

  Mutation: {
    createAccount: forOperators((account: WithPassword & { readonly policies: readonly Policy[] }, access) =>
      access.createAccount(account),
    ),
    setPassword: changingAccount(({ username, password }: WithPassword, access) =>
      access.setPassword(username, password),
    ),
    disableAccount: changingAccount(({ username }: Named, access) => access.disableAccount(username)),
    enableAccount: changingAccount(({ username }: Named, access) => access.enableAccount(username)),
    setPolicy: changingAccount(
      ({ username, pattern, actions }: WithPattern & { readonly actions: readonly Action[] }, access) =>
        access.setPolicy(username, pattern, actions),
    ),
    removePolicy: changingAccount(({ username, pattern }: WithPattern, access) =>
      access.removePolicy(username, pattern),
    ),
    setNamespaceRule: forOperators(
      async (
        { pattern, visibility }: { readonly pattern: string; readonly visibility: Visibility },
        access,
      ): Promise<NamespaceRule> => {
        await access.setNamespaceRule(pattern, visibility);
        return { pattern, visibility };
      },
    ),
    removeNamespaceRule: forOperators(async ({ pattern }: { readonly pattern: string }, access) => {
      await access.removeNamespaceRule(pattern);
      return pattern;
    }),
  },
};

type Administer<Args, Result> = (args: Args, access: Access) => Promise<Result>;

function forOperators<Args, Result>(administer: Administer<Args, Result>) {
  return async (_: unknown, args: Args, { access, principal }: GraphqlContext): Promise<Result> => {
    await access.requireOperator(principal);
    return administer(args, access);
  };
}

/** Changes an account and gives it as it is then. */
function changingAccount<Args extends Named>(change: Administer<Args, void>) {
  return forOperators(async (args: Args, access): Promise<Account> => {
    await change(args, access);
    const account = await access.findAccount(args.username);
    if (account !== undefined) return account;
    throw new AccessError('ACCOUNT_UNKNOWN', 'The account is gone.');
  });
}
