import { randomBytes } from 'node:crypto';

import type { Database } from '@dockchains/database';

import { AccessError } from './errors.ts';
import { isPattern } from './glob.ts';
import { isUsername, type Page, parsePage, parsePassword, parsePolicy, parseUsername } from './input.ts';
import type { Passwords } from './passwords.ts';
import type { Action, Policy } from './principal.ts';

/** An account, without its password. */
export type Account = {
  /** The opaque principal id that ledgers name, 32 lowercase hex digits. */
  readonly id: string;
  readonly username: string;
  readonly createdAt: Date;
  readonly disabledAt: Date | undefined;
  /** In the order of their patterns. */
  readonly policies: readonly Policy[];
};

/** What an account is made from. */
export type NewAccount = {
  /** 1–64 characters: a lowercase letter or digit, then also `.`, `_`, `-`, `@` and `+`. */
  readonly username: string;
  /** 8–1024 characters. */
  readonly password: string;
  readonly policies: readonly Policy[];
};

/** Who may sign in, and what they may do. The caller has asked `requireOperator`. */
export interface Accounts {
  /** @throws AccessError ACCOUNT_EXISTS, INVALID_INPUT, LIMIT_REACHED, TOO_MANY */
  createAccount(account: NewAccount): Promise<Account>;
  findAccount(username: string): Promise<Account | undefined>;
  /** Lists accounts by user name. @throws AccessError INVALID_INPUT */
  listAccounts(page: Page): Promise<readonly Account[]>;
  /** @throws AccessError ACCOUNT_UNKNOWN, INVALID_INPUT, TOO_MANY */
  setPassword(username: string, password: string): Promise<void>;
  /** Takes effect on the next decision, tokens notwithstanding. @throws AccessError ACCOUNT_UNKNOWN */
  disableAccount(username: string): Promise<void>;
  /** @throws AccessError ACCOUNT_UNKNOWN */
  enableAccount(username: string): Promise<void>;
  /** Sets what the account may do under a pattern. @throws AccessError ACCOUNT_UNKNOWN, INVALID_INPUT, LIMIT_REACHED */
  setPolicy(username: string, pattern: string, actions: readonly Action[]): Promise<void>;
  /** @throws AccessError ACCOUNT_UNKNOWN, POLICY_UNKNOWN */
  removePolicy(username: string, pattern: string): Promise<void>;
}

/** Most policies of one account: each decision reads them. */
export const MAX_POLICIES = 100;

type AccountsDeps = {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly clock: () => Date;
};

const PUBLIC_PARTS = {
  omit: { passwordHash: true },
  include: { policies: { orderBy: { pattern: 'asc' } } },
} as const;

type AccountRow = Omit<Account, 'disabledAt' | 'policies'> & {
  readonly disabledAt: Date | null;
  readonly policies: readonly { readonly pattern: string; readonly actions: readonly string[] }[];
};

/** Makes the {@link Accounts} over a database. */
export function createAccounts({ database, passwords, clock }: AccountsDeps): Accounts {
  const getId = async (username: string): Promise<string> => {
    const account = isUsername(username)
      ? await database.prisma.account.findUnique({ where: { username }, select: { id: true } })
      : null;
    if (account === null) throw unknown(username);
    return account.id;
  };

  return {
    async createAccount(input) {
      const username = parseUsername(input.username);
      const policies = input.policies.map(parsePolicy).sort((a, b) => (a.pattern < b.pattern ? -1 : 1));
      if (policies.length > MAX_POLICIES) throw tooManyPolicies();
      if (new Set(policies.map(({ pattern }) => pattern)).size < policies.length) {
        throw new AccessError(
          'INVALID_INPUT',
          'Two policies have the same pattern: write their actions into one.',
        );
      }
      const passwordHash = await passwords.hash(parsePassword(input.password));
      const account = { id: randomBytes(16).toString('hex'), username, createdAt: clock() };
      await database.prisma.$transaction(async (tx) => {
        const made = await tx.account.createMany({
          data: [{ ...account, passwordHash }],
          skipDuplicates: true,
        });
        if (made.count === 0) {
          throw new AccessError(
            'ACCOUNT_EXISTS',
            `There is an account "${username}" already: choose another name.`,
          );
        }
        const data = policies.map(({ pattern, actions }) => ({
          principalId: account.id,
          pattern,
          actions: [...actions],
        }));
        await tx.policy.createMany({ data });
      });
      return { ...account, disabledAt: undefined, policies };
    },

    async findAccount(username) {
      if (!isUsername(username)) return undefined;
      const row = await database.prisma.account.findUnique({ where: { username }, ...PUBLIC_PARTS });
      return row === null ? undefined : readAccount(row);
    },

    async listAccounts(page) {
      const { after, limit } = parsePage(page);
      const rows = await database.prisma.account.findMany({
        where: { username: { gt: after } },
        orderBy: { username: 'asc' },
        take: limit,
        ...PUBLIC_PARTS,
      });
      return rows.map(readAccount);
    },

    async setPassword(username, password) {
      const id = await getId(username);
      const passwordHash = await passwords.hash(parsePassword(password));
      await database.prisma.account.updateMany({ where: { id }, data: { passwordHash } });
    },

    async disableAccount(username) {
      const id = await getId(username);
      // Disabled twice, it keeps the time of the first.
      await database.prisma.account.updateMany({
        where: { id, disabledAt: null },
        data: { disabledAt: clock() },
      });
    },

    async enableAccount(username) {
      const id = await getId(username);
      await database.prisma.account.updateMany({ where: { id }, data: { disabledAt: null } });
    },

    async setPolicy(username, pattern, actions) {
      const policy = parsePolicy({ pattern, actions });
      const principalId = await getId(username);
      const others = await database.prisma.policy.count({ where: { principalId, NOT: { pattern } } });
      if (others >= MAX_POLICIES) throw tooManyPolicies();
      await database.prisma.policy.upsert({
        where: { principalId_pattern: { principalId, pattern } },
        create: { principalId, pattern, actions: [...policy.actions] },
        update: { actions: [...policy.actions] },
      });
    },

    async removePolicy(username, pattern) {
      const principalId = await getId(username);
      const removed =
        isPattern(pattern) &&
        (await database.prisma.policy.deleteMany({ where: { principalId, pattern } })).count;
      if (!removed) {
        throw new AccessError(
          'POLICY_UNKNOWN',
          `"${username}" has no policy for the pattern "${pattern.slice(0, 255)}".`,
        );
      }
    },
  };
}

const readAccount = ({ id, username, createdAt, disabledAt, policies }: AccountRow): Account => ({
  id,
  username,
  createdAt,
  disabledAt: disabledAt ?? undefined,
  policies: policies.map(parsePolicy),
});

const unknown = (username: string): AccessError =>
  new AccessError('ACCOUNT_UNKNOWN', `There is no account ${JSON.stringify(username.slice(0, 64))}.`);

const tooManyPolicies = (): AccessError =>
  new AccessError('LIMIT_REACHED', `An account has at most ${MAX_POLICIES} policies: use wider patterns.`);
