import type { Database } from '@dockchains/database';

import { AccessError } from './errors.ts';
import { parsePolicy } from './input.ts';
import type { Policy } from './principal.ts';

/** Who signs in: a person with a password, or a robot with a secret that ends. */
export type AccountKind = 'person' | 'robot';

/** An account, without its password or secret. */
export type Account = {
  /** The opaque principal id that ledgers name, 32 lowercase hex digits. */
  readonly id: string;
  readonly username: string;
  readonly kind: AccountKind;
  readonly createdAt: Date;
  readonly disabledAt: Date | undefined;
  /** When a robot's secret ends. */
  readonly expiresAt: Date | undefined;
  /** In the order of their patterns. */
  readonly policies: readonly Policy[];
};

/** Most policies of one account: each decision reads them. */
export const MAX_POLICIES = 100;

/** What of an account is read for {@link readAccount}. */
export const PUBLIC_PARTS = {
  omit: { passwordHash: true, secretHash: true, generation: true },
  include: { policies: { orderBy: { pattern: 'asc' } } },
} as const;

type AccountRow = Omit<Account, 'kind' | 'disabledAt' | 'expiresAt' | 'policies'> & {
  readonly kind: string;
  readonly disabledAt: Date | null;
  readonly expiresAt: Date | null;
  readonly policies: readonly { readonly pattern: string; readonly actions: readonly string[] }[];
};

/** What is written of a new account: with the one of the two hashes that its kind has. */
export type NewRow = Omit<Account, 'disabledAt' | 'expiresAt'> & {
  readonly expiresAt?: Date;
  readonly passwordHash?: string;
  readonly secretHash?: Uint8Array<ArrayBuffer>;
};

/** Reads a row with its {@link PUBLIC_PARTS}. */
export function readAccount(row: AccountRow): Account {
  const { id, username, kind, createdAt, disabledAt, expiresAt, policies } = row;
  return {
    ...{ id, username, createdAt },
    kind: kind === 'robot' ? 'robot' : 'person',
    disabledAt: disabledAt ?? undefined,
    expiresAt: expiresAt ?? undefined,
    policies: policies.map(parsePolicy),
  };
}

/** Checks the policies of a new account, and gives them by pattern. @throws AccessError INVALID_INPUT, LIMIT_REACHED */
export function parsePolicies(input: readonly Policy[]): readonly Policy[] {
  const policies = input.map(parsePolicy).sort((a, b) => (a.pattern < b.pattern ? -1 : 1));
  if (policies.length > MAX_POLICIES) throw tooManyPolicies();
  if (new Set(policies.map(({ pattern }) => pattern)).size < policies.length) {
    throw new AccessError(
      'INVALID_INPUT',
      'Two policies have the same pattern: write their actions into one.',
    );
  }
  return policies;
}

/** Writes a new account and its policies, and gives it. @throws AccessError ACCOUNT_EXISTS */
export async function insertAccount(database: Database, { policies, ...row }: NewRow): Promise<Account> {
  await database.prisma.$transaction(async (tx) => {
    const made = await tx.account.createMany({ data: [row], skipDuplicates: true });
    if (made.count === 0) {
      throw new AccessError(
        'ACCOUNT_EXISTS',
        `There is an account "${row.username}" already: choose another name.`,
      );
    }
    const data = policies.map(({ pattern, actions }) => ({
      principalId: row.id,
      pattern,
      actions: [...actions],
    }));
    await tx.policy.createMany({ data });
  });
  const { id, username, kind, createdAt, expiresAt } = row;
  return { id, username, kind, createdAt, disabledAt: undefined, expiresAt, policies };
}

/** The answer to a name that no account has. */
export function accountUnknown(username: string): AccessError {
  return new AccessError('ACCOUNT_UNKNOWN', `There is no account ${JSON.stringify(username.slice(0, 64))}.`);
}

/** The answer to a policy beyond {@link MAX_POLICIES}. */
export function tooManyPolicies(): AccessError {
  return new AccessError(
    'LIMIT_REACHED',
    `An account has at most ${MAX_POLICIES} policies: use wider patterns.`,
  );
}
