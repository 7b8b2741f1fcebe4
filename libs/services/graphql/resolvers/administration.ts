import type { Account, AccountKind, Action, NamespaceRule, Policy, Visibility } from '@dockchains/access';

import { type Connection, type PageArgs, readConnection } from '../connection.ts';
import { type Administer, changingAccount as changing, forOperators } from './operators.ts';

/** What the services call each Action. */
export const ACTIONS = {
  PULL: 'pull',
  PUSH: 'push',
  TAG_CREATE: 'tag:create',
  TAG_MOVE: 'tag:move',
  DELETE: 'delete',
  ADMIN: 'admin',
};

/** What the services call each AccountKind. */
export const ACCOUNT_KINDS = { PERSON: 'person', ROBOT: 'robot' };

type Named = { readonly username: string };
type WithPassword = Named & { readonly password: string };
type WithPattern = Named & { readonly pattern: string };

/** Resolvers of schema/administration.graphql; each asks first whether an operator asks. */
export const administrationTypes = {
  Query: {
    accounts: forOperators(
      (
        { kind, ...args }: PageArgs & { readonly kind?: AccountKind | null },
        access,
      ): Promise<Connection<Account>> =>
        readConnection(args, {
          list: ['accounts'],
          keyOf: ({ username }) => username,
          read: (page) => access.listAccounts(page, kind ?? undefined),
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

function changingAccount<Args extends Named>(change: Administer<Args, void>) {
  return changing(change, ({ username }: Args) => username);
}
