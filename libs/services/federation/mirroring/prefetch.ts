import { setTimeout as delay } from 'node:timers/promises';

import type { LedgerLog } from '@dockchains/ledger';
import { FIRST_KEY, type MirrorKey, type Mirrors, type MissingBlob } from '@dockchains/registry';

import { FederationError } from '../errors.ts';
import type { FetchBlob } from './fetch-blob.ts';
import type { MirrorPolicies, MirrorPolicy } from './policies.ts';

/** What fetching ahead takes. */
export interface PrefetchDeps {
  readonly policies: Pick<MirrorPolicies, 'list' | 'find' | 'takeDue'>;
  readonly registry: { readonly mirrors: Pick<Mirrors, 'listLacking' | 'findNeeded' | 'countBytes'> };
  readonly fetchBlob: FetchBlob;
  readonly clock: () => Date;
  readonly log: LedgerLog;
}

// Schedules are of minutes at least; what is announced doesn't wait for it.
const LOOK_MS = 2_000;
// Of each policy.
const PARALLEL_FETCHES = 2;
const TRIED_AGAIN = 'fetching ahead failed: it is tried again';

/**
 * Fetches the layers of tagged images before somebody pulls them, where a policy says so: as soon as a ledger was followed further, and what that missed in
 * sweeps from time to time. What can't be had now is left to the next sweep. Each policy is swept by itself: a peer that sends slowly holds up those alone that
 * his images are of.
 */
export class Prefetch {
  readonly #deps: PrefetchDeps;
  readonly #stop = new AbortController();
  #announced = new AbortController();
  /** Sweeps under way, by their pattern; and the policies to be swept once more behind them. */
  readonly #sweeping = new Map<string, Promise<void>>();
  readonly #again = new Map<string, MirrorPolicy>();
  readonly #running: Promise<void>;

  constructor(deps: PrefetchDeps) {
    this.#deps = deps;
    this.#running = this.#run();
  }

  /** A ledger was followed further: policies on announcement are swept now. */
  announce(): void {
    this.#announced.abort();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.#sweeping.values());
  }

  async #run(): Promise<void> {
    const { policies, clock, log } = this.#deps;
    while (!this.#stop.signal.aborted) {
      const isAnnounced = this.#announced.signal.aborted;
      if (isAnnounced) this.#announced = new AbortController();
      try {
        const due = await policies.takeDue(clock());
        const announced = isAnnounced ? (await policies.list()).filter(isOnAnnouncement) : [];
        const rest = announced.filter(({ pattern }) => !due.some((one) => one.pattern === pattern));
        for (const policy of [...due, ...rest]) this.#begin(policy);
      } catch (error) {
        log.warn({ err: error }, TRIED_AGAIN);
      }
      const signal = AbortSignal.any([this.#stop.signal, this.#announced.signal]);
      await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #begin(policy: MirrorPolicy): void {
    const { pattern } = policy;
    if (this.#sweeping.has(pattern)) {
      this.#again.set(pattern, policy);
      return;
    }
    const sweeping = this.#sweep(policy)
      .catch((error: unknown) => {
        this.#deps.log.warn({ err: error }, TRIED_AGAIN);
      })
      .finally(() => {
        this.#sweeping.delete(pattern);
        const next = this.#again.get(pattern);
        this.#again.delete(pattern);
        if (next !== undefined && !this.#stop.signal.aborted) this.#begin(next);
      });
    this.#sweeping.set(pattern, sweeping);
  }

  async #sweep(policy: MirrorPolicy): Promise<void> {
    const { registry } = this.#deps;
    for (let after: MirrorKey | undefined = FIRST_KEY; after !== undefined && !this.#stop.signal.aborted;) {
      const { items, next }: Awaited<ReturnType<typeof registry.mirrors.listLacking>> =
        await registry.mirrors.listLacking(policy.pattern, after);
      const queue = items.values();
      const work = async (): Promise<void> => {
        for (const item of queue) await this.#fetch(policy, item);
      };
      await Promise.all(Array.from({ length: PARALLEL_FETCHES }, work));
      after = next;
    }
  }

  async #fetch(policy: MirrorPolicy, { repository, digest }: MissingBlob): Promise<void> {
    const { registry, policies, fetchBlob, log } = this.#deps;
    if (this.#stop.signal.aborted) return;
    // A longer pattern may say otherwise of this repository.
    if ((await policies.find(repository)).pattern !== policy.pattern) return;
    const needed = await registry.mirrors.findNeeded(repository, digest);
    if (needed === undefined) return;
    // More would only push out what the sweep has just fetched.
    if (policy.maxBytes !== null) {
      const held = await registry.mirrors.countBytes(policy.pattern);
      if (held + BigInt(needed.size) > policy.maxBytes) return;
    }
    try {
      const fetch = await fetchBlob({ repository, digest }, needed.size);
      await fetch?.done;
    } catch (error) {
      if (!(error instanceof FederationError)) throw error;
      log.info({ reason: error.message }, 'a layer of a mirrored image could not be fetched ahead');
    }
  }
}

const isOnAnnouncement = ({ fetch }: MirrorPolicy): boolean => fetch === 'on-announcement';
