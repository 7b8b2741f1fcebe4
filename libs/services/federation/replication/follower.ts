import { setTimeout as delay } from 'node:timers/promises';

import { openHttpLog } from '@dockchains/client';
import { type Lock, lockKeyOf } from '@dockchains/database';
import { cosign, type Origin } from '@dockchains/tlog';

import { FederationError } from '../errors.ts';
import { EquivocationError } from '../gossip/equivocation-error.ts';
import type { Peer } from '../peers/peers.ts';
import { catchUp, readHeads } from './catch-up.ts';
import type { FollowDeps, FollowState } from './follow-deps.ts';
import { openHead, type SignedHead } from './heads.ts';
import { type Arrival, isWhole, PackageQueue } from './packages.ts';
import { isTheirs, isUnknownSigner, keyOf, logKeysOf, originOf } from './peer-log.ts';
import { Progress } from './progress.ts';
import { advance, hashOrigin, loadReplica, type Replica } from './replica.ts';
import { requireSigned } from './require-signed.ts';
import { noteChecked, publishHead, readReached } from './replica-notes.ts';
import { Suspect } from './suspect.ts';

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
  readonly #progress = new Progress();
  readonly #suspect = new Suspect();
  #state: FollowState = { leading: false, target: undefined, trouble: undefined };
  #delivered = -1n;
  #failures = 0;
  #isHurried = false;
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

  /**
   * Gives the follower what arrived by message; resolves when what it says is durable here, whether by it or by what was fetched,
   * or when nothing more is taken from the log.
   * @throws TlogError, FederationError SOURCE_REFUTED if it is not to be believed; the signal's reason
   */
  async arrive(arrival: Arrival, gone: AbortSignal): Promise<void> {
    const { entries, start = 0n, size, note } = arrival;
    const taken = this.#state.leading ? this.#packages.push(arrival) : Promise.resolve(false);
    const [isTaken] = await Promise.all([taken, requireSigned(this.#deps.peers, this.#organisation, note)]);
    const end = start + BigInt(entries?.length ?? 0);
    const wanted = entries === undefined ? { published: size } : { held: end };
    // What waits for others to reach its note is no reason to ask, nor what was sent again.
    if (!isTaken && isWhole(arrival) && !this.#progress.has(wanted)) this.#hurry();
    await this.#progress.await(wanted, gone);
  }

  /** Resolves when so many entries, which a signed note tells of, are durable here. @throws as `arrive` */
  async fetchTo(held: bigint, { note, gone }: { note: string; gone: AbortSignal }): Promise<void> {
    await requireSigned(this.#deps.peers, this.#organisation, note);
    this.#hurry();
    await this.#progress.await({ held }, gone);
  }

  /** Ends after what is under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#running;
    this.#progress.end(new FederationError('OVERTAKEN', `${this.origin} is no longer followed.`));
  }

  async #run(): Promise<void> {
    const { database, log } = this.#deps;
    while (!this.#stop.signal.aborted) {
      let lock: Lock | undefined;
      try {
        lock = await database.tryLock(lockKeyOf('replica', this.origin));
        if (lock === undefined) {
          if (this.#progress.isAwaited) this.#progress.report(await readReached(this.#deps, this.origin));
          await this.#pause(FOLLOW_MS);
        } else await this.#lead(lock.lost);
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
    const isOver = (): boolean => lost.aborted || this.#stop.signal.aborted;
    let polledAt = -Infinity;
    while (!isOver()) {
      replica = await this.#takePackages(replica);
      this.#tell(replica);
      if (this.#takeHurry() || performance.now() >= polledAt + this.#pollMs()) {
        polledAt = performance.now();
        replica = { ...replica, frozen: await noteChecked(this.#deps, replica, undefined) };
        if (replica.frozen === undefined) replica = await this.#poll(replica, isOver);
        this.#tell(replica);
      }
      if (!this.#packages.isEmpty) continue;
      await this.#pause(Math.max(0, polledAt + this.#pollMs() - performance.now()));
    }
  }

  /** The next round need not wait, unless the last ones failed. */
  #hurry(): void {
    this.#isHurried = this.#failures === 0;
    this.wake();
  }

  #takeHurry(): boolean {
    const isHurried = this.#isHurried;
    this.#isHurried = false;
    return isHurried;
  }

  async #findPeer(): Promise<Peer | undefined> {
    return (await this.#deps.peers.list()).find((one) => one.organisation === this.#organisation);
  }

  /** Back-off where the last rounds failed. */
  #pollMs(): number {
    return Math.min(this.#deps.pollMs * 2 ** Math.min(this.#failures, 10), MAX_BACKOFF_MS);
  }

  /** One round: the log's own gateway, and where that fails whoever else has a mirror of it. */
  async #poll(replica: Replica, isOver: () => boolean): Promise<Replica> {
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
        const next = await this.#followUrl(replica, { peer, url, isOver });
        await this.#suspect.compare(this.#deps, next);
        this.#failures = 0;
        this.#state = { ...this.#state, trouble };
        if (url === own) await noteChecked(this.#deps, next, this.#deps.clock());
        return next;
      } catch (error) {
        if (error instanceof EquivocationError) return this.#freeze(replica, peer, error);
        if (!isTheirs(error)) throw error;
        trouble ??= error.message;
        if (isUnknownSigner(error)) await this.#deps.peers.refresh(this.#organisation);
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
    { peer, url, isOver }: { peer: Peer; url: string; isOver: () => boolean },
  ): Promise<Replica> {
    const reader = openHttpLog(this.#deps.fetch, url, { retries: 0 });
    const { published, newest } = await readHeads(reader, keyOf(peer));
    const held = await catchUp(this.#deps, replica, {
      ...{ reader, cosign: this.#cosign, target: newest },
      onProgress: (at, target) => {
        this.#report(at, target);
        if (isOver())
          throw new FederationError('OVERTAKEN', `${this.origin} is followed by another gateway.`);
      },
    });
    const after = await publishHead(this.#deps, held, published);
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
      const peer = await this.#findPeer();
      if (peer === undefined || held.frozen !== undefined) {
        taken.resolve(false);
        continue;
      }
      try {
        const head = openHead(taken.note, keyOf(peer));
        if (taken.entries === undefined) {
          held = await publishHead(this.#deps, held, head);
          if (head.size > (held.mirrored?.size ?? 0n)) this.#suspect.add(taken.note, keyOf(peer));
        } else {
          held = await advance(this.#deps, held, {
            entries: taken.entries,
            reached: { head, cosign: this.#cosign },
          });
          this.#report(held, head);
          await this.#hand(peer, held);
        }
        await this.#suspect.compare(this.#deps, held);
        taken.resolve(true);
      } catch (error) {
        if (error instanceof EquivocationError) {
          held = await this.#freeze(held, peer, error);
          taken.resolve(false);
          continue;
        }
        if (!isTheirs(error)) {
          taken.resolve(false);
          throw error;
        }
        taken.refuse(error);
        this.#suspect.add(taken.note, keyOf(peer));
        this.#state = { ...this.#state, trouble: error.message };
      }
    }
    return held;
  }

  readonly #cosign = ({ note }: SignedHead): string => {
    const seconds = BigInt(Math.floor(this.#deps.clock().getTime() / 1000));
    return cosign(note, this.#deps.mirror, seconds);
  };

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
    // What was held was believed when it came, whatever became of its key since.
    const keys = logKeysOf(peer.descriptor, 'public').map(({ key }) => ({ key, isRevoked: false }));
    await this.#deps.evidence.report(proof, keys);
    return { ...replica, frozen: message };
  }

  #tell({ tree, published, frozen }: Replica): void {
    const isFrozen = frozen !== undefined;
    this.#progress.report({ held: tree.size, published: published?.size ?? 0n, isFrozen });
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
    if (this.#stop.signal.aborted || this.#isHurried) return;
    await delay(ms, undefined, { signal: woken.signal }).catch(() => undefined);
    this.#wake = undefined;
  }
}
