import type { Scope } from '@dockchains/oci';

import { matchesPattern } from './glob.ts';

/**
 * What may be done to a repository. `push` is blobs and manifests by digest, and takes in `pull`; to set a tag also takes
 * `tag:create` for a new one, or `tag:move` for one that names something else; `admin` takes in everything.
 */
export type Action = 'pull' | 'push' | 'tag:create' | 'tag:move' | 'delete' | 'admin';

/** What an account may do in the repositories of a pattern. */
export type Policy = { readonly pattern: string; readonly actions: readonly Action[] };

/** Who asks, as far as a token says: what they may do is looked up anew for each decision. */
export type Principal = {
  /** The account's opaque id, 32 lowercase hex digits; undefined: anonymous. */
  readonly id: string | undefined;
  /** What the token is good for; empty for anonymous. */
  readonly scopes: readonly Scope[];
  /** The account's when the token was given; 0 unless said. */
  readonly generation?: number;
  /** The token is genuine but over: good for nothing but ending the principal's own upload. */
  readonly expired?: boolean;
};

/** Who asks without a token. */
export const ANONYMOUS: Principal = { id: undefined, scopes: [] };

const GRANTED_BY: Readonly<Record<Action, readonly Action[]>> = {
  pull: ['pull', 'push', 'admin'],
  push: ['push', 'admin'],
  'tag:create': ['tag:create', 'admin'],
  'tag:move': ['tag:move', 'admin'],
  delete: ['delete', 'admin'],
  admin: ['admin'],
};

/** Every action. */
export const ACTIONS: readonly string[] = Object.keys(GRANTED_BY);

/** Says whether the text names an action. */
export function isAction(text: string): text is Action {
  return Object.hasOwn(GRANTED_BY, text);
}

/** Says whether the actions of a policy or a scope include the action, itself or by another. */
export function includesAction(actions: readonly string[], action: Action): boolean {
  return GRANTED_BY[action].some((granting) => actions.includes(granting));
}

/** Gives the action of Docker's token scopes that an action needs: `push` for those on tags, else itself. */
export function scopeActionOf(action: Action): Action {
  return action === 'tag:create' || action === 'tag:move' ? 'push' : action;
}

/**
 * Says whether the scopes cover an action on a repository. A repository scope's name may be a pattern, as `**` is in
 * the tokens of clients that search.
 */
export function coversAction(scopes: readonly Scope[], action: Action, repository: string): boolean {
  const needed = scopeActionOf(action);
  return scopes.some(
    ({ type, name, actions }) =>
      type === 'repository' && includesAction(actions, needed) && matchesPattern(name, repository),
  );
}
