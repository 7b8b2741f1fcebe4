import type { KeyObject } from 'node:crypto';

import type { Database } from '@dockchains/database';

import { type Accounts, createAccounts } from './accounts.ts';
import { type Authentication, createAuthentication } from './authentication.ts';
import { createDecisions, type Decisions } from './decisions.ts';
import { createImmutableTags, type ImmutableTagRules } from './immutable-tags.ts';
import { createNamespaces, type Namespaces } from './namespaces.ts';
import { createPasswords } from './passwords.ts';
import { createRobots, type Robots } from './robots.ts';
import { sow } from './seed.ts';
import { createTokens } from './tokens.ts';

/** All that the access service does; who needs less of it can ask for the part. */
export interface Access extends Authentication, Decisions, Accounts, Robots, Namespaces, ImmutableTagRules {
  /** Sows the accounts and namespace rules of a parsed JSON document, see {@link sow}. @throws AccessError INVALID_INPUT */
  seed(input: unknown): Promise<void>;
}

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
};

/** Makes the access service of an organisation. Nothing is cached: any number of gateways decide alike. */
export function createAccess({ database, tokenKey, organisation, clock, publicUrl }: AccessDeps): Access {
  const passwords = createPasswords();
  const tokens = createTokens(tokenKey, organisation);
  const accounts = createAccounts({ database, passwords, clock });
  const namespaces = createNamespaces(database, clock);
  return {
    ...createAuthentication({ database, passwords, tokens, clock, organisation, publicUrl }),
    ...createDecisions(database, clock),
    ...accounts,
    ...namespaces,
    ...createRobots(database, clock),
    ...createImmutableTags(database, clock),
    seed: (input) => sow({ ...accounts, ...namespaces }, input),
  };
}
