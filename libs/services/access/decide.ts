import { findOrganisation } from '@dockchains/oci';

import { AccessError, type AccessErrorCode } from './errors.ts';
import { matchesPattern } from './glob.ts';
import {
  type Action,
  coversAction,
  includesAction,
  type Policy,
  type Principal,
  scopeActionOf,
} from './principal.ts';

/** What the database says at the moment of a decision. */
export type Facts = {
  /** Whether there is an account that may sign in. */
  readonly active: boolean;
  /** The account's: it grows when a password or secret changes. */
  readonly generation: number;
  /** The repository's visibility; null if it does not exist. */
  readonly visibility: string | null;
  /** Those of the principal, whatever they are about. */
  readonly policies: readonly Policy[];
};

/** The answer to "may this principal do this here?"; FOREIGN: another organisation's repository is written to at its origin alone. */
export type Decision =
  | 'ALLOWED'
  | 'FOREIGN'
  | Extract<
      AccessErrorCode,
      'UNAUTHORIZED' | 'INVALID_TOKEN' | 'INSUFFICIENT_SCOPE' | 'DENIED' | 'NAME_UNKNOWN'
    >;

/**
 * Decides: token scope ∩ current policy, where anyone may pull what is public. Policy comes before scope, so that only
 * who may is told to ask for another token; what is hidden is answered like what does not exist.
 */
export function decide(principal: Principal, action: Action, repository: string, facts: Facts): Decision {
  if (principal.id !== undefined && !isCurrent(principal, facts)) return 'INVALID_TOKEN';
  if (principal.expired === true && action !== 'push') return 'INVALID_TOKEN';
  if (action === 'pull' && facts.visibility === 'public') return 'ALLOWED';
  if (principal.id === undefined) return 'UNAUTHORIZED';
  if (action !== 'pull' && findOrganisation(repository) !== undefined) return 'FOREIGN';
  const isGranted = facts.policies.some(
    ({ pattern, actions }) => includesAction(actions, action) && matchesPattern(pattern, repository),
  );
  if (!isGranted) {
    return action === 'pull' ? 'NAME_UNKNOWN' : 'DENIED';
  }
  return coversAction(principal.scopes, action, repository) ? 'ALLOWED' : 'INSUFFICIENT_SCOPE';
}

/** Says whether the account may sign in, and the token was given for the password or secret that it has now. */
export function isCurrent(
  { generation = 0 }: Principal,
  facts: Pick<Facts, 'active' | 'generation'>,
): boolean {
  return facts.active && generation === facts.generation;
}

/** Gives the error of a refusal; it says the same whether the repository exists or not. */
export function refusal(decision: Exclude<Decision, 'ALLOWED'>, action: Action, name: string): AccessError {
  const needed = scopeActionOf(action);
  const scopes = [{ type: 'repository', name, actions: needed === 'push' ? ['pull', 'push'] : [needed] }];
  const code = decision === 'FOREIGN' ? 'DENIED' : decision;
  return new AccessError(code, MESSAGES[decision](action, name), { scopes });
}

const MESSAGES: Readonly<
  Record<Exclude<Decision, 'ALLOWED'>, (action: Action, repository: string) => string>
> = {
  UNAUTHORIZED: (action, repository) => `To ${WORDS[action]} "${repository}", sign in first.`,
  INVALID_TOKEN: () => 'The token is no longer good: sign in again.',
  INSUFFICIENT_SCOPE: (action, repository) =>
    `The token does not cover ${action} on "${repository}": ask for one that does.`,
  DENIED: (action, repository) =>
    `You may not ${WORDS[action]} "${repository}": ask an operator for a policy that lets you.`,
  FOREIGN: (_, repository) =>
    `"${repository}" is a repository of ${findOrganisation(repository) ?? 'another organisation'}, and this gateway mirrors it: push, tag and delete at that organisation's own gateway.`,
  NAME_UNKNOWN: (_, repository) => `There is no repository "${repository}" that you can read.`,
};

const WORDS: Readonly<Record<Action, string>> = {
  pull: 'pull from',
  push: 'push to',
  'tag:create': 'create tags in',
  'tag:move': 'move tags in',
  delete: 'delete from',
  admin: 'administer',
};
