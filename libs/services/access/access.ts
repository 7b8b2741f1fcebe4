import type { KeyObject } from 'node:crypto';

import type { Database } from '@dockchains/database';

import { type Accounts, createAccounts } from './accounts.ts';
import { type Authentication, createAuthentication } from './authentication.ts';
import { createDecisions, type Decisions } from './decisions.ts';
import { createImmutableTags, type ImmutableTagRules } from './immutable-tags.ts';
import { createNamespaces, type Namespaces } from './namespaces.ts';
import { createPasswords } from './passwords.ts';
import { createRateLimiter, type Rate } from './rate-limiter.ts';
import { createRobots, type Robots } from './robots.ts';
import { sow } from './seed.ts';
import { createSignInLimits } from './sign-in-limits.ts';
import { createTokens } from './tokens.ts';

/** All that the access service does; who needs less of it can ask for the part. */
export interface Access extends Authentication, Decisions, Accounts, Robots, Namespaces, ImmutableTagRules {
  /** Sows the accounts and namespace rules of a parsed JSON document, see {@link sow}. @throws AccessError INVALID_INPUT */
  seed(input: unknown): Promise<void>;
}

/** How often one account may ask, and how often a sign-in may fail for one address or user name. */
export type AccessLimits = { readonly account: Rate; readonly failedSignIns: Rate };

/** What the access service stands on. */
export type AccessDeps = {
  readonly database: Database;
  /** Ed25519 private key, of this role alone. */
  readonly tokenKey: KeyObject;
  /** Issuer, audience and the `service` of challenges. */
  readonly organisation: string;
  readonly clock: () => Date;
  /** Where clients reach the gateway; `/token` lies below it. */
  readonly publicUrl: string;
  /** None without. */
  readonly limits?: AccessLimits;
};

const NO_LIMITS: AccessLimits = { account: { perMinute: 0 }, failedSignIns: { perMinute: 0 } };

/** Makes the access service of an organisation. Nothing is cached: any number of gateways decide alike; limits are each one's own. */
export function createAccess(deps: AccessDeps): Access {
  const { database, tokenKey, organisation, clock, publicUrl, limits = NO_LIMITS } = deps;
  const passwords = createPasswords();
  const tokens = createTokens(tokenKey, organisation);
  const accounts = createAccounts({ database, passwords, clock });
  const namespaces = createNamespaces(database, clock);
  return {
    ...createAuthentication({
      ...{ database, passwords, tokens, clock, organisation, publicUrl },
      accountLimit: createRateLimiter(limits.account, clock),
      signInLimits: createSignInLimits(limits.failedSignIns, clock),
    }),
    ...createDecisions(database, clock),
    ...accounts,
    ...namespaces,
    ...createRobots(database, clock),
    ...createImmutableTags(database, clock),
    seed: (input) => sow({ ...accounts, ...namespaces }, input),
  };
}
