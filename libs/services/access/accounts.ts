import { randomBytes } from 'node:crypto';

import type { Database } from '@dockchains/database';

import {
  type Account,
  type AccountKind,
  accountUnknown,
  insertAccount,
  MAX_POLICIES,
  parsePolicies,
  PUBLIC_PARTS,
  readAccount,
  tooManyPolicies,
} from './account-rows.ts';
import { AccessError } from './errors.ts';
import { isPattern } from './glob.ts';
import { isUsername, type Page, parsePage, parsePassword, parsePersonName, parsePolicy } from './input.ts';
import type { Passwords } from './passwords.ts';
import type { Action, Policy, Principal } from './principal.ts';

/** What an account is made from. */
export type NewAccount = {
  /** 1–64 characters: a lowercase letter or digit, then also `.`, `_`, `-`, `@` and `+`; not `robot+…`. */
  readonly username: string;
  /** 8–1024 characters. */
  readonly password: string;
  readonly policies: readonly Policy[];
};

/** Who may sign in, and what they may do. The caller has asked `requireOperator`, but for `findSelf`. */
export interface Accounts {
  /** @throws AccessError ACCOUNT_EXISTS, INVALID_INPUT, LIMIT_REACHED, TOO_MANY */
  createAccount(account: NewAccount): Promise<Account>;
  findAccount(username: string): Promise<Account | undefined>;
  /** The principal's own account, which needs no operator; undefined for who is anonymous. */
  findSelf(principal: Principal): Promise<Account | undefined>;
  /** Lists accounts by user name, all or those of a kind. @throws AccessError INVALID_INPUT */
  listAccounts(page: Page, kind?: AccountKind): Promise<readonly Account[]>;
  /** The account's tokens end at once. @throws AccessError ACCOUNT_UNKNOWN, INVALID_INPUT, TOO_MANY */
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

type AccountsDeps = {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly clock: () => Date;
};

/** Makes the {@link Accounts} over a database. */
export function createAccounts({ database, passwords, clock }: AccountsDeps): Accounts {
  const getId = async (username: string): Promise<string> => {
    const account = isUsername(username)
      ? await database.prisma.account.findUnique({ where: { username }, select: { id: true } })
      : null;
    if (account === null) throw accountUnknown(username);
    return account.id;
  };

  return {
    async createAccount(input) {
      const username = parsePersonName(input.username);
      const policies = parsePolicies(input.policies);
      const passwordHash = await passwords.hash(parsePassword(input.password));
      const id = randomBytes(16).toString('hex');
      return insertAccount(database, {
        ...{ id, username, kind: 'person', createdAt: clock(), passwordHash, policies },
      });
    },

    async findAccount(username) {
      if (!isUsername(username)) return undefined;
      const row = await database.prisma.account.findUnique({ where: { username }, ...PUBLIC_PARTS });
      return row === null ? undefined : readAccount(row);
    },

    async findSelf({ id }) {
      if (id === undefined) return undefined;
      const row = await database.prisma.account.findUnique({ where: { id }, ...PUBLIC_PARTS });
      return row === null ? undefined : readAccount(row);
    },

    async listAccounts(page, kind) {
      const { after, limit } = parsePage(page);
      const rows = await database.prisma.account.findMany({
        where: { username: { gt: after }, ...(kind !== undefined && { kind }) },
        orderBy: { username: 'asc' },
        take: limit,
        ...PUBLIC_PARTS,
      });
      return rows.map(readAccount);
    },

    async setPassword(username, password) {
      const id = await getId(username);
      const passwordHash = await passwords.hash(parsePassword(password));
      const { count } = await database.prisma.account.updateMany({
        where: { id, kind: 'person' },
        data: { passwordHash, generation: { increment: 1 } },
      });
      if (count === 0) {
        throw new AccessError('INVALID_INPUT', `"${username}" is a robot: give it a new secret instead.`);
      }
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
