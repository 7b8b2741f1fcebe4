import type { Database, Statement } from '@dockchains/database';

import { decide, type Decision, refusal } from './decide.ts';
import { openFactsLookup } from './facts.ts';
import { encodePatternExpression, EVERYTHING, isPattern } from './glob.ts';
import { type Action, actionsGranting, includesAction, type Principal } from './principal.ts';

/** What a principal may read beside the public repositories, for a scan of repositories. */
export type Readable = {
  /**
   * Anchored regular expressions for PostgreSQL's `~`. A repository is readable if it is public, or if its name matches
   * one of `policies` and one of `scopes`.
   */
  readonly policies: readonly string[];
  readonly scopes: readonly string[];
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
  /**
   * Returns if the principal may administer the organisation: a policy of `admin` on `**`, and a token of that scope.
   * @throws AccessError as `require` does for a write
   */
  requireOperator(principal: Principal): Promise<void>;
  /** Gives what the principal may read, as conditions to put inside a scan, before any limit or count. */
  findReadable(principal: Principal): Promise<Readable>;
}

const READ_READABLE: Statement = {
  name: 'access_read_readable',
  text: `SELECT pattern FROM policy JOIN account ON account.id = principal_id
    WHERE principal_id = $1 AND disabled_at IS NULL AND actions && $2`,
};

/** Makes the {@link Decisions} over a database. */
export function createDecisions(database: Database): Decisions {
  const find = openFactsLookup(database);
  const decideNow = async (principal: Principal, action: Action, repository: string): Promise<Decision> =>
    decide(principal, action, repository, await find(principal.id, action, repository));

  return {
    async require(principal, action, repository) {
      const decision = await decideNow(principal, action, repository);
      if (decision !== 'ALLOWED') throw refusal(decision, action, repository);
    },

    allowed: async (principal, action, repository) =>
      (await decideNow(principal, action, repository)) === 'ALLOWED',

    async requireOperator(principal) {
      const facts = await find(principal.id, 'admin', EVERYTHING);
      // Taken for a name, "**" would also be matched by "*": policy and scope must say "**" themselves.
      const patterns = facts.patterns.filter((pattern) => pattern === EVERYTHING);
      const scopes = principal.scopes.filter(({ name }) => name === EVERYTHING);
      const decision = decide({ ...principal, scopes }, 'admin', EVERYTHING, { ...facts, patterns });
      if (decision !== 'ALLOWED') throw refusal(decision, 'admin', EVERYTHING);
    },

    async findReadable({ id, scopes, expired }) {
      if (id === undefined || expired === true) return { policies: [], scopes: [] };
      const rows = await database.query<{ pattern: string }>(READ_READABLE, [id, actionsGranting('pull')]);
      const catalog = scopes.some(({ type, name }) => type === 'registry' && name === 'catalog');
      const named = scopes.filter(
        ({ type, actions }) => type === 'repository' && includesAction(actions, 'pull'),
      );
      return {
        policies: expressions(rows.map(({ pattern }) => pattern)),
        scopes: expressions(catalog ? [EVERYTHING] : named.map(({ name }) => name)),
      };
    },
  };
}

const expressions = (patterns: readonly string[]): string[] =>
  patterns.filter(isPattern).map(encodePatternExpression);
