import { openWithKey } from '@dockchains/escrow';
import type { ScopeKey } from '@dockchains/records';
import { LRUCache } from 'lru-cache';

/** What a scope's key is made of beside its secret. */
export type PublicScope = Omit<ScopeKey, 'D'>;

/** Gives what opens every record of a scope. */
export type ScopeKeys = (scope: PublicScope) => ScopeKey;

const MAX_SCOPES = 1000;

/**
 * Opens scopes with the organisation's sealing key, 32 bytes. What opens a scope never changes and costs a multiplication in
 * the group, so that those in use are kept, in memory alone.
 */
export function openScopeKeys(sealingKey: Uint8Array): ScopeKeys {
  const known = new LRUCache<string, ScopeKey>({ max: MAX_SCOPES });
  return ({ scopeId, label, R }) => {
    const found = known.get(scopeId);
    if (found !== undefined) return found;
    const key = { scopeId, label, R, D: openWithKey(sealingKey, R) };
    known.set(scopeId, key);
    return key;
  };
}
