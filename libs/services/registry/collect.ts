import type { Principal } from '@dockchains/access';
import type { Digest, RepositoryName } from '@dockchains/oci';

import { listRemovals, releasePage, removeContent, settleRemovals } from './collect-content.ts';
import { collectManifest, scanUntagged } from './collect-untagged.ts';
import {
  type CollectionCursor,
  encodeCursor,
  FIRST_LEASE,
  FIRST_MANIFEST,
  parseCursor,
} from './collection-cursor.ts';
import type { RegistryDeps } from './deps.ts';
import { previewPage } from './preview-collection.ts';
import { recordCollection } from './record-collection.ts';

/** One step of a collection; `after` goes on where the step before it ended. */
export interface CollectRequest {
  /** An operator. */
  readonly principal: Principal;
  /** Says what would go, and changes nothing. */
  readonly dryRun?: boolean;
  /** Deletes manifests that no tag reaches as well. */
  readonly untagged?: boolean;
  readonly after?: string;
}

/** What went, or would go: a manifest that no tag reaches, or content that a repository had and nothing there needs. */
export interface CollectedItem {
  readonly kind: 'manifest' | 'content';
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** What one step did; files are of digests that no repository has any more. */
export interface CollectionStep {
  readonly items: readonly CollectedItem[];
  readonly freedFiles: number;
  readonly freedBytes: number;
  /** Undefined when all is done. */
  readonly next: string | undefined;
}

/** What a whole run in the background did. */
export type CollectionRun = Pick<CollectionStep, 'freedFiles' | 'freedBytes'> & { readonly released: number };

type Done = { items: CollectedItem[]; freedFiles: number; freedBytes: number };

// A step ends soon behind this: no request takes long, and another gateway can go on.
const STEP_MS = 1_000;
// So that an answer is not long either.
const MAX_ITEMS = 500;
const RUN_LOCK = 0x646b_636c_6e0a_0001n;

/**
 * Does one step of a collection for an operator. Steps of any number of gateways may overlap, and each may be the last.
 * @throws AccessError; OciError UNSUPPORTED for a cursor that is none; LedgerError FROZEN
 */
export async function collect(deps: RegistryDeps, request: CollectRequest): Promise<CollectionStep> {
  await deps.access.requireOperator(request.principal);
  const first = request.untagged === true ? FIRST_MANIFEST : FIRST_LEASE;
  const cursor = request.after === undefined ? first : parseCursor(request.after);
  if (request.dryRun === true) return preview(deps, cursor);
  requireWritable(deps);
  const { id } = request.principal;
  if (cursor.kind === 'manifest') return collectUntagged(deps, cursor, id);
  const done: Done = { items: [], freedFiles: 0, freedBytes: 0 };
  const isDone = await collectContent(deps, done, Date.now() + STEP_MS);
  await recordCollection(deps, id);
  return { ...done, next: isDone ? undefined : encodeCursor(FIRST_LEASE) };
}

/**
 * Collects all that no manifest needs and whose lease is over, unless another gateway is at it: undefined then. It stops
 * early when `signal` aborts. Manifests stay, tagged or not.
 * @throws LedgerError FROZEN
 */
export async function runCollection(
  deps: RegistryDeps,
  signal: AbortSignal,
): Promise<CollectionRun | undefined> {
  requireWritable(deps);
  const lock = await deps.database.tryLock(RUN_LOCK);
  if (lock === undefined) return undefined;
  const [done, total] = [{ items: [], freedFiles: 0, freedBytes: 0 } as Done, { released: 0 }];
  try {
    await settleRemovals(deps);
    for (let isDone = false; !isDone && !signal.aborted && !lock.lost.aborted;) {
      isDone = await collectContent(deps, done, Date.now() + STEP_MS);
      total.released += done.items.splice(0).length;
      await recordCollection(deps, undefined);
    }
  } finally {
    await lock.release();
  }
  return { ...total, freedFiles: done.freedFiles, freedBytes: done.freedBytes };
}

/** What a database that was put back to an earlier state says must not be acted upon. */
function requireWritable({ ledgers }: RegistryDeps): void {
  for (const ledger of ledgers.all) ledger.requireWritable();
}

/** Releases what is over and removes what is listed, until the time is over; whether all is done. */
async function collectContent(deps: RegistryDeps, done: Done, deadline: number): Promise<boolean> {
  for (;;) {
    requireWritable(deps);
    const released = await releasePage(deps);
    done.items.push(...(released ?? []).map((item) => ({ kind: 'content' as const, ...item })));
    for (let after = '', digests; (digests = await listRemovals(deps, after)).length > 0;) {
      for (const digest of digests) {
        requireWritable(deps);
        const size = await removeContent(deps, digest);
        done.freedFiles += size === undefined ? 0 : 1;
        done.freedBytes += size ?? 0;
        after = digest;
        if (Date.now() > deadline) return false;
      }
    }
    if (released === undefined) return true;
    if (Date.now() > deadline || done.items.length >= MAX_ITEMS) return false;
  }
}

/** Deletes a page of manifests that no tag reaches. What an index held comes to its turn when the scan begins anew. */
async function collectUntagged(
  deps: RegistryDeps,
  cursor: Extract<CollectionCursor, { kind: 'manifest' }>,
  principalId: string | undefined,
): Promise<CollectionStep> {
  const deadline = Date.now() + STEP_MS;
  const { found, next } = await scanUntagged(deps, cursor);
  const items: CollectedItem[] = [];
  let [position, again] = [next, cursor.again];
  for (const manifest of found) {
    if (manifest.held || !(await collectManifest(deps, manifest, principalId))) continue;
    const { repository, digest, size } = manifest;
    items.push({ kind: 'manifest', repository, digest, size });
    again = true;
    if (Date.now() > deadline) {
      position = manifest;
      break;
    }
  }
  const step = { items, freedFiles: 0, freedBytes: 0 };
  if (position !== undefined) {
    const { repositoryId, digest } = position;
    return { ...step, next: encodeCursor({ kind: 'manifest', repositoryId, digest, again }) };
  }
  return { ...step, next: encodeCursor(again ? FIRST_MANIFEST : FIRST_LEASE) };
}

async function preview(deps: RegistryDeps, cursor: CollectionCursor): Promise<CollectionStep> {
  if (cursor.kind === 'manifest') {
    const { found, next } = await scanUntagged(deps, cursor);
    const items = found.map(({ repository, digest, size }) => ({
      ...{ kind: 'manifest' as const, repository, digest, size },
    }));
    const position = next === undefined ? FIRST_LEASE : { ...FIRST_MANIFEST, ...next };
    return { items, freedFiles: 0, freedBytes: 0, next: encodeCursor(position) };
  }
  const { found, next } = await previewPage(deps, cursor);
  const freed = found.filter(({ frees }) => frees);
  return {
    items: found.map(({ repository, digest, size }) => ({ kind: 'content', repository, digest, size })),
    freedFiles: freed.length,
    freedBytes: freed.reduce((sum, { size }) => sum + size, 0),
    next: next && encodeCursor({ ...FIRST_LEASE, ...next }),
  };
}
