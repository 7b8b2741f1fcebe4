import { setTimeout as delay } from 'node:timers/promises';

import { openHttpLog } from '@dockchains/client';
import { type Lock, lockKeyOf } from '@dockchains/database';
import { cosign, type Origin, TlogError } from '@dockchains/tlog';

import { FederationError } from '../errors.ts';
import { EquivocationError } from '../gossip/equivocation-error.ts';
import type { Peer } from '../peers/peers.ts';
import { catchUp, localTiles, readHeads } from './catch-up.ts';
import type { FollowDeps, FollowState } from './follow-deps.ts';
import { findContradiction, openHead, type SignedHead } from './heads.ts';
import { type Arrival, PackageQueue } from './packages.ts';
import { isTheirs, keyOf, originOf } from './peer-log.ts';
import { advance, hashOrigin, loadReplica, type Replica } from './replica.ts';
import { adoptPublished, noteChecked } from './replica-notes.ts';

const FOLLOW_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
const PROGRESS_MS = 10_000;

/** Follows one log of a peer as long as it runs; of all gateways of the organisation one at a time applies. */
export class Follower {
  readonly origin: Origin;
  readonly #deps: FollowDeps;
  readonly #organisation: string;
  readonly #stop = new AbortController();
  readonly #packages = new PackageQueue(() => {
    this.wake();
  });
  #state: FollowState = { leading: false, target: undefined, trouble: undefined };
  #delivered = -1n;
  #failures = 0;
  #saidAt = 0;
  #wake: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: FollowDeps, peer: Pick<Peer, 'organisation' | 'descriptor'>) {
    this.#deps = deps;
    this.#organisation = peer.organisation;
    this.origin = originOf(peer);
  }

  get state(): FollowState {
    return this.#state;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** There may be news: the next round need not wait for its poll. */
  wake(): void {
    this.#wake?.();
  }

  /** Gives the follower what arrived by message; resolves when it was dealt with, true if it was taken in. */
  arrive(arrival: Arrival): Promise<boolean> {
    return this.#state.leading ? this.#packages.push(arrival) : Promise.resolve(false);
  }

  /** Ends after what is under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { database, log } = this.#deps;
    while (!this.#stop.signal.aborted) {
      let lock: Lock | undefined;
      try {
        lock = await database.tryLock(lockKeyOf('replica', this.origin));
        if (lock === undefined) await this.#pause(FOLLOW_MS);
        else await this.#lead(lock.lost);
      } catch (error) {
        const isOvertaken = error instanceof FederationError && error.code === 'OVERTAKEN';
        if (!isOvertaken)
          log.warn({ origin: this.origin, err: error }, 'replication interrupted, trying again');
        await this.#pause(FOLLOW_MS);
      } finally {
        this.#state = { ...this.#state, leading: false };
        this.#packages.drop();
        await lock?.release().catch(() => undefined);
      }
    }
  }

  async #lead(lost: AbortSignal): Promise<void> {
    let replica = await loadReplica(this.#deps, { origin: this.origin, organisation: this.#organisation });
    this.#state = { ...this.#state, leading: true };
    const end = AbortSignal.any([lost, this.#stop.signal]);
    let polledAt = -Infinity;
    while (!end.aborted) {
      replica = await this.#takePackages(replica);
      if (performance.now() >= polledAt + this.#pollMs()) {
        polledAt = performance.now();
        replica = { ...replica, frozen: await noteChecked(this.#deps, replica, undefined) };
        if (replica.frozen === undefined) replica = await this.#poll(replica, end);
      }
      if (!this.#packages.isEmpty) continue;
      await this.#pause(Math.max(0, polledAt + this.#pollMs() - performance.now()));
    }
  }

  /** Back-off where the last rounds failed. */
  #pollMs(): number {
    return Math.min(this.#deps.pollMs * 2 ** Math.min(this.#failures, 10), MAX_BACKOFF_MS);
  }

  /** One round: the log's own gateway, and where that fails whoever else has a mirror of it. */
  async #poll(replica: Replica, end: AbortSignal): Promise<Replica> {
    const peers = await this.#deps.peers.list();
    const peer = peers.find(({ organisation }) => organisation === this.#organisation);
    if (peer === undefined) return replica;
    const own = `${peer.descriptor.endpoints.log}/public`;
    const mirrors = peers
      .filter((one) => one !== peer)
      .map(({ descriptor }) => `${descriptor.endpoints.mirror}/${hashOrigin(this.origin)}`);
    let trouble: string | undefined;
    for (const url of [own, ...mirrors]) {
      try {
        const next = await this.#followUrl(replica, { peer, url, end });
        this.#failures = 0;
        this.#state = { ...this.#state, trouble };
        if (url === own) await noteChecked(this.#deps, next, this.#deps.clock());
        return next;
      } catch (error) {
        if (error instanceof EquivocationError) return this.#freeze(replica, peer, error);
        if (!isTheirs(error)) throw error;
        trouble ??= error.message;
        if (error instanceof TlogError && error.code === 'UNKNOWN_SIGNER') {
          await this.#deps.peers.refresh(this.#organisation);
        }
        // What was made durable before the source failed counts.
        replica = await loadReplica(this.#deps, replica);
      }
    }
    this.#failures += 1;
    this.#state = { ...this.#state, trouble };
    return replica;
  }

  async #followUrl(
    replica: Replica,
    { peer, url, end }: { peer: Peer; url: string; end: AbortSignal },
  ): Promise<Replica> {
    const reader = openHttpLog(this.#deps.fetch, url, { retries: 0 });
    const { published, newest } = await readHeads(reader, keyOf(peer));
    const held = await catchUp(this.#deps, replica, {
      ...{ reader, cosign: this.#cosign, target: newest },
      onProgress: (at, target) => {
        this.#report(at, target);
        if (end.aborted)
          throw new FederationError('OVERTAKEN', `${this.origin} is followed by another gateway.`);
      },
    });
    const after = await this.#publish(held, published);
    await this.#hand(peer, after);
    return after;
  }

  /** Packages that follow what is held; each head that they reach is checked and cosigned as one that was fetched. */
  async #takePackages(replica: Replica): Promise<Replica> {
    let held = replica;
    for (
      let taken = this.#packages.shift(held.tree.size);
      taken;
      taken = this.#packages.shift(held.tree.size)
    ) {
      try {
        const peer = (await this.#deps.peers.list()).find((one) => one.organisation === this.#organisation);
        if (peer === undefined || held.frozen !== undefined) {
          taken.resolve(false);
          continue;
        }
        const head = openHead(taken.note, keyOf(peer));
        if (taken.entries === undefined) {
          held = await this.#publish(held, head);
        } else {
          held = await advance(this.#deps, held, {
            entries: taken.entries,
            reached: { head, cosign: this.#cosign },
          });
          this.#report(held, head);
          await this.#hand(peer, held);
        }
        taken.resolve(true);
      } catch (error) {
        taken.resolve(false);
        if (error instanceof EquivocationError) return held;
        if (!isTheirs(error)) throw error;
        this.#state = { ...this.#state, trouble: error.message };
      }
    }
    return held;
  }

  readonly #cosign = ({ note }: SignedHead): string => {
    const seconds = BigInt(Math.floor(this.#deps.clock().getTime() / 1000));
    return cosign(note, this.#deps.mirror, seconds);
  };

  /** The newest published note, if what is held agrees with it. */
  async #publish(replica: Replica, published: SignedHead): Promise<Replica> {
    const { mirrored } = replica;
    if (mirrored === undefined || published.size > mirrored.size) return replica;
    const proof = await findContradiction(published, mirrored, localTiles(this.#deps, replica));
    if (proof !== undefined) throw new EquivocationError(this.origin, proof);
    if (!(await adoptPublished(this.#deps, replica, published))) return replica;
    this.#deps.onPublished();
    return { ...replica, published };
  }

  /** Gives the log's organisation our cosignature once; a gateway that was restarted gives it again. */
  async #hand(peer: Peer, { mirrored, cosignature }: Replica): Promise<void> {
    if (mirrored === undefined || cosignature === undefined || mirrored.size <= this.#delivered) return;
    try {
      await this.#deps.deliver(peer, { origin: this.origin, size: mirrored.size, lines: [cosignature] });
      this.#delivered = mirrored.size;
    } catch (error) {
      if (!isTheirs(error)) throw error;
      this.#state = { ...this.#state, trouble: error.message };
    }
  }

  async #freeze(replica: Replica, peer: Peer, { proof, message }: EquivocationError): Promise<Replica> {
    await this.#deps.evidence.report(proof, keyOf(peer));
    return { ...replica, frozen: message };
  }

  #report(held: Replica, target: SignedHead): void {
    this.#state = { ...this.#state, target: target.size };
    if (performance.now() < this.#saidAt + PROGRESS_MS || held.tree.size === target.size) return;
    this.#saidAt = performance.now();
    const fields = { origin: this.origin, held: String(held.tree.size), target: String(target.size) };
    this.#deps.log.info(fields, 'replica catches up');
  }

  async #pause(ms: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => {
      woken.abort();
    };
    if (this.#stop.signal.aborted) return;
    await delay(ms, undefined, { signal: woken.signal }).catch(() => undefined);
    this.#wake = undefined;
  }
}
