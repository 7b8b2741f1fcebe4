import type { Database } from '@dockchains/database';

import { decide, type Facts, isCurrent, refusal } from './decide.ts';
import { AccessError } from './errors.ts';
import { type FactsRow, openFactsLookup, readFacts } from './facts.ts';
import { encodePatternExpression, EVERYTHING, isPattern } from './glob.ts';
import { type Action, includesAction, type Principal } from './principal.ts';

/** What a principal may read beside the public repositories, for a scan of repositories. */
export type Readable = {
  /**
   * Anchored regular expressions for PostgreSQL's `~`. A repository is readable if it is public, or if its name matches
   * one of `policies` and one of `scopes`.
   */
  readonly policies: readonly string[];
  readonly scopes: readonly string[];
  /** Whether that is every repository there can be: by a policy on `**` and a scope of it. */
  readonly everything: boolean;
};

/** What a principal may do to one repository, as of one moment: for who asks about several actions at once. */
export type Rights = {
  can(action: Action): boolean;
  /** Returns if {@link can} says so. @throws AccessError as {@link Decisions.require} */
  require(action: Action): void;
};

/** The one decision point: every read and write asks here, and nothing is remembered between two questions. */
export interface Decisions {
  /**
   * Returns if the principal may do this to the repository now.
   * @throws AccessError UNAUTHORIZED (anonymous), NAME_UNKNOWN (a read) or DENIED (a write), whether the repository
   *   exists or not; INVALID_TOKEN if the account is disabled; INSUFFICIENT_SCOPE if only the token stands in the way
   */
  require(principal: Principal, action: Action, repository: string): Promise<void>;
  /** Says whether {@link require} would return. */
  allowed(principal: Principal, action: Action, repository: string): Promise<boolean>;
  /** Gives what {@link require} would say now to each action, for one query. */
  findRights(principal: Principal, repository: string): Promise<Rights>;
  /**
   * Decides by facts that the caller's own statement has read since it was asked, with FACTS_COLUMNS and FACTS_JOINS:
   * one query then serves the decision and what it is about.
   */
  judge(principal: Principal, repository: string, facts: FactsRow): Rights;
  /**
   * Returns if the principal may administer the organisation: a policy of `admin` on `**`, and a token of that scope.
   * @throws AccessError as `require` does for a write
   */
  requireOperator(principal: Principal): Promise<void>;
  /**
   * Returns unless the principal's account has been disabled or given another secret since its token, or is over: for what
   * is about no repository.
   * @throws AccessError INVALID_TOKEN
   */
  requireCurrent(principal: Principal): Promise<void>;
  /**
   * Gives what the principal may read, as conditions to put inside a scan, before any limit or count.
   * @throws AccessError INVALID_TOKEN as {@link requireCurrent}
   */
  findReadable(principal: Principal): Promise<Readable>;
}

/** Makes the {@link Decisions} over a database. */
export function createDecisions(database: Database, clock: () => Date): Decisions {
  const find = openFactsLookup(database);

  const judge: Decisions['judge'] = (principal, repository, row) => {
    const facts = readFacts(row, clock());
    const decideOn = (action: Action) => decide(principal, action, repository, facts);
    return {
      can: (action) => decideOn(action) === 'ALLOWED',
      require(action) {
        const decision = decideOn(action);
        if (decision !== 'ALLOWED') throw refusal(decision, action, repository);
      },
    };
  };
  const findRights = async (principal: Principal, repository: string): Promise<Rights> =>
    judge(principal, repository, await find(principal.id, repository));

  const getCurrent = async (principal: Principal): Promise<Facts> => {
    const facts = readFacts(await find(principal.id, ''), clock());
    if (principal.expired !== true && isCurrent(principal, facts)) return facts;
    throw new AccessError('INVALID_TOKEN', 'The token is no longer good: sign in again.');
  };

  return {
    judge,
    findRights,

    async require(principal, action, repository) {
      (await findRights(principal, repository)).require(action);
    },

    allowed: async (principal, action, repository) => (await findRights(principal, repository)).can(action),

    async requireOperator(principal) {
      const facts = readFacts(await find(principal.id, EVERYTHING), clock());
      // Taken for a name, "**" would also be matched by "*": policy and scope must say "**" themselves.
      const policies = facts.policies.filter(({ pattern }) => pattern === EVERYTHING);
      const scopes = principal.scopes.filter(({ name }) => name === EVERYTHING);
      const decision = decide({ ...principal, scopes }, 'admin', EVERYTHING, { ...facts, policies });
      if (decision !== 'ALLOWED') throw refusal(decision, 'admin', EVERYTHING);
    },

    async requireCurrent(principal) {
      if (principal.id !== undefined) await getCurrent(principal);
    },

    async findReadable(principal) {
      const { id, scopes } = principal;
      if (id === undefined) return { policies: [], scopes: [], everything: false };
      const { policies } = await getCurrent(principal);
      const granting = policies.filter(({ actions }) => includesAction(actions, 'pull'));
      const catalog = scopes.some(({ type, name }) => type === 'registry' && name === 'catalog');
      const named = scopes.filter(
        ({ type, actions }) => type === 'repository' && includesAction(actions, 'pull'),
      );
      const patterns = granting.map(({ pattern }) => pattern);
      const names = catalog ? [EVERYTHING] : named.map(({ name }) => name);
      return {
        policies: expressions(patterns),
        scopes: expressions(names),
        everything: patterns.includes(EVERYTHING) && names.includes(EVERYTHING),
      };
    },
  };
}

const expressions = (patterns: readonly string[]): string[] =>
  patterns.filter(isPattern).map(encodePatternExpression);
