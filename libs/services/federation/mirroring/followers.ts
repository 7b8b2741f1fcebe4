import { setTimeout as delay } from 'node:timers/promises';

import { lockKeyOf } from '@dockchains/database';
import type { EntrySource } from '@dockchains/ledger';

import { FederationError } from '../errors.ts';
import { type FollowDeps, followPage, readPosition } from './follow.ts';
import type { Freshness, Replicas } from './freshness.ts';

/** What following all peers takes. */
export type FollowersDeps = FollowDeps & {
  readonly replication: Replicas;
  readonly clock: () => Date;
  /** Called when a mirror has been brought further. */
  readonly onFollowed: () => void;
};

const LOOK_MS = 1_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

/**
 * Follows the ledgers of all active peers, each on one gateway of the organisation at a time; every gateway knows how fresh the mirrors are. What
 * can't be fetched now holds its ledger up and is tried again: records are applied in order, or a tag would lead back.
 */
export class Followers {
  readonly #deps: FollowersDeps;
  readonly #stop = new AbortController();
  readonly #following = new Map<string, Promise<void>>();
  /** By organisation: when its mirror here was last known to be all that its origin had published. */
  readonly #currentAt = new Map<string, Date>();
  readonly #looking: Promise<void>;

  constructor(deps: FollowersDeps) {
    this.#deps = deps;
    this.#looking = this.#look();
  }

  /** How old what is known of an organisation's repositories is. */
  freshness(organisation: string): Freshness {
    const at = this.#currentAt.get(organisation);
    if (at === undefined) return { ageSeconds: undefined };
    return { ageSeconds: Math.max(0, Math.floor((this.#deps.clock().getTime() - at.getTime()) / 1000)) };
  }

  /** Ends the page under way and lets another gateway follow. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#looking;
    await Promise.all(this.#following.values());
  }

  async #look(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const sources = this.#deps.replication.sources();
      for (const { origin } of sources) {
        if (this.#following.has(origin)) continue;
        const following = this.#follow(origin).finally(() => this.#following.delete(origin));
        this.#following.set(origin, following);
      }
      if (sources.length > 0) await this.#observe().catch(() => undefined); // the database is away: the ages grow
      await this.#pause(LOOK_MS);
    }
  }

  async #observe(): Promise<void> {
    for (const { origin, organisation, publishedSize, checkedAt } of await this.#deps.replication.status()) {
      if (checkedAt === undefined) continue;
      if ((await readPosition(this.#deps.database, origin)) < publishedSize) continue;
      this.#currentAt.set(organisation, checkedAt);
    }
  }

  #find(origin: string): EntrySource | undefined {
    return this.#deps.replication.sources().find((source) => source.origin === origin);
  }

  /** Follows one ledger until it is no peer's any more. */
  async #follow(origin: string): Promise<void> {
    const { signal } = this.#stop;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted && this.#find(origin) !== undefined) {
      try {
        await this.#lead(origin, () => {
          retryMs = FIRST_RETRY_MS;
        });
      } catch (error) {
        const reason = error instanceof FederationError ? error.message : undefined;
        this.#deps.log.warn(
          { origin, ...(reason === undefined ? { err: error } : { reason }) },
          'a mirror waits: what its origin published can’t be fetched now',
        );
        await this.#pause(retryMs);
        retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
      }
    }
  }

  async #lead(origin: string, onPage: () => void): Promise<void> {
    const lock = await this.#deps.database.tryLock(lockKeyOf('mirror', origin));
    if (lock === undefined) return this.#pause(LOOK_MS);
    try {
      let next = await readPosition(this.#deps.database, origin);
      while (!this.#stop.signal.aborted && !lock.lost.aborted) {
        const source = this.#find(origin);
        if (source === undefined) return;
        const woken = new AbortController();
        const unsubscribe = source.subscribe(() => {
          woken.abort();
        });
        try {
          const before = next;
          next = await followPage(this.#deps, source, next);
          onPage();
          if (next > before) this.#deps.onFollowed();
          else await this.#pause(LOOK_MS, woken.signal);
        } finally {
          unsubscribe();
        }
      }
    } finally {
      await lock.release().catch(() => undefined);
    }
  }

  async #pause(ms: number, woken?: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, ...(woken === undefined ? [] : [woken])]);
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }
}
