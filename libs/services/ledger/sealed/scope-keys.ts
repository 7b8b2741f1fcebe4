import { openWithKey, sealingPanelId, sealingPublicKey } from '@dockchains/escrow';
import type { ScopeKey } from '@dockchains/records';
import { LRUCache } from 'lru-cache';

import { LedgerError } from '../errors.ts';

/** What a scope's key is made of beside its secret. */
export type PublicScope = Omit<ScopeKey, 'D'> & {
  /** Says which sealing key it is encapsulated to, 32 bytes; null for a scope of a version that knew one key alone. */
  readonly panelId: Uint8Array | null;
};

/** The organisation's sealing keys, 32 bytes each: one that acts, and those before it, which go on opening what was sealed to them. */
export interface SealingKeys {
  /** What scopes are encapsulated to now: the one that the published public ledger says is the organisation's. */
  current(): Promise<Uint8Array>;
  /** The key of this panel id (escrow.md, Scope), or for null the oldest; undefined if it is not there. */
  find(panelId: Uint8Array | null): Promise<Uint8Array | undefined>;
}

/** Gives what opens every record of a scope. @throws LedgerError KEY_MISSING */
export type ScopeKeys = (scope: PublicScope) => Promise<ScopeKey>;

const MAX_SCOPES = 1000;

/**
 * Opens scopes with the sealing keys that they are encapsulated to. What opens a scope never changes and costs a multiplication in
 * the group, so that those in use are kept, in memory alone.
 */
export function openScopeKeys(keys: SealingKeys): ScopeKeys {
  const known = new LRUCache<string, ScopeKey>({ max: MAX_SCOPES });
  return async ({ scopeId, label, R, panelId }) => {
    const found = known.get(scopeId);
    if (found !== undefined) return found;
    const key = { scopeId, label, R, D: openWithKey(await requireSealingKey(keys, panelId), R) };
    known.set(scopeId, key);
    return key;
  };
}

/** The key that a scope is encapsulated to. @throws LedgerError KEY_MISSING */
export async function requireSealingKey(keys: SealingKeys, panelId: Uint8Array | null): Promise<Uint8Array> {
  const found = await keys.find(panelId);
  if (found !== undefined) return found;
  throw new LedgerError(
    'KEY_MISSING',
    'A scope is sealed to a sealing key that is not in the keys folder: put sealing.key and every sealing.former-<n>.key back from their backup, in the folder of each gateway.',
  );
}

/** Sealing keys that stay as they are, the current one first and then those that it replaced, newest first. */
export function sealingKeysOf(current: Uint8Array, ...former: readonly Uint8Array[]): SealingKeys {
  const all = [current, ...former];
  const byPanel = new Map(all.map((key) => [hexOf(sealingPanelId(sealingPublicKey(key))), key]));
  return {
    current: () => Promise.resolve(current),
    find: (panelId) => Promise.resolve(panelId === null ? all.at(-1) : byPanel.get(hexOf(panelId))),
  };
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
