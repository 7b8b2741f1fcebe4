import { setTimeout as delay } from 'node:timers/promises';

import { type Lock, lockKeyOf } from '@dockchains/database';

import type { Batch, CommitStep, LedgerContext } from './context.ts';
import { QUEUED_AT_MOST, readHead } from './entries.ts';
import { LedgerError } from './errors.ts';
import { restoreFreeze } from './freeze.ts';
import { findSignedHead, signBatch } from './heads.ts';
import { promoteBatch } from './promote.ts';
import { publishAnnounced, publishSigned } from './publish.ts';
import { findLag, readEvidence, recover } from './recover.ts';
import { closeDueScopes } from './sealed/closing.ts';
import {
  ensurePartitions,
  refuseRegression,
  sequenceBatch,
  type SeenHead,
  type Sequenced,
} from './sequence.ts';
import { stageBatch } from './staging.ts';

// How often a follower asks for the lead: the leader's end stalls publication for so long and its own recovery.
const FOLLOW_INTERVAL_MS = 250;
const RETRY_MS = 500;
// How often scopes whose period is over are looked for.
const CLOSE_INTERVAL_MS = 1_000;

const READ_BATCHES = {
  name: 'ledger-read-batches',
  text: 'SELECT start, "end", root FROM ledger_batch WHERE ledger_id = $1 AND "end" > $2 ORDER BY "end" LIMIT 64',
};
const READ_WAITING = {
  name: 'ledger-read-waiting-batches',
  text: `SELECT b.start, b."end", b.root, b."end" <= p.size AS "isPublished" FROM ledger_batch b
           JOIN published_checkpoint p ON p.ledger_id = b.ledger_id
         WHERE b.ledger_id = $1 AND b."end" <= $2 ORDER BY b."end" LIMIT 64`,
};
const READ_BACKLOG = {
  name: 'ledger-read-backlog',
  text: `SELECT ${QUEUED_AT_MOST} AS queued`,
};

/** The lock of whoever sequences a ledger, or mends its files. */
export const sequencerLock = (origin: string): bigint => lockKeyOf('sequencer', origin);

/** What the rest of the gateway needs to know of the sequencer. */
export interface SequencerState {
  /** Why writes are refused now, if they are. */
  frozen: string | undefined;
  /** Whether this gateway holds the sequencing lock. */
  leading: boolean;
  /** How many records wait; never less than there are. */
  queued: bigint;
}

/**
 * Runs the commit protocol of one ledger until stopped: one gateway of the organisation leads (an advisory lock),
 * the others watch. Every lead begins by comparing the database with the tile store and resuming at the first step
 * not done.
 */
export class Sequencer {
  readonly state: SequencerState = { frozen: undefined, leading: false, queued: 0n };
  readonly #context: LedgerContext;
  readonly #stop = new AbortController();
  #seen: SeenHead | undefined;
  #closedAt = -Infinity;
  #partitionedUntil = 0n;
  // Batches up to here are staged and signed; those of them that still have rows wait to be published or promoted.
  #signedThrough = 0n;
  #isWaiting = false;
  #announced: bigint | undefined;
  // Since when their oldest records wait, of batches of our own: for metrics.
  readonly #queuedAt = new Map<bigint, Date>();
  #wake: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(context: LedgerContext) {
    this.#context = context;
  }

  /** Checks the stores once, recovering where this gateway may, and then works in the background. */
  async start(): Promise<void> {
    const first = Promise.withResolvers<undefined>();
    this.#running = this.#run(() => {
      first.resolve(undefined);
    });
    await first.promise;
  }

  /** There is work: the next round need not wait for its poll. */
  wake(): void {
    this.#wake?.();
  }

  /** Finishes the step under way and lets the lock go. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#running;
  }

  async #run(checked: () => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let lock: Lock | undefined;
      try {
        lock = await this.#context.database.tryLock(sequencerLock(this.#context.origin));
        if (lock === undefined) await this.#follow(checked);
        else await this.#lead(lock.lost, checked);
      } catch (error) {
        if (this.#refuse(error)) break;
        await this.#pause(RETRY_MS);
      } finally {
        this.state.leading = false;
        await lock?.release().catch(() => undefined);
      }
      checked();
    }
    checked();
  }

  async #lead(lost: AbortSignal, checked: () => void): Promise<void> {
    await this.#reconcile();
    this.state.leading = true;
    checked();
    while (!this.#stop.signal.aborted && !lost.aborted) {
      const next = performance.now() + this.#context.checkpointIntervalMs;
      const worked = await this.#round();
      const rest = next - performance.now();
      if (rest > 0) await (worked ? this.#pause(rest, { wakeable: false }) : this.#pause(rest));
    }
  }

  /** One turn of the protocol: what is unfinished, then what is queued. */
  async #round(): Promise<boolean> {
    const { database, ledgerId } = this.#context;
    const head = await readHead(database, ledgerId);
    if (this.#seen !== undefined) refuseRegression(head, this.#seen);
    this.#seen = head;
    this.state.frozen = head.frozen;
    if (head.frozen !== undefined) return false;
    await this.#finishBatches();
    if (this.#isWaiting) await this.#finishWaiting();
    await this.#closeScopes();
    await this.#countQueued();
    if (this.state.queued === 0n) return false;
    await this.#ensurePartitions(head.size);
    const sequenced = await sequenceBatch(this.#context, this.#seen);
    if (sequenced === undefined) return false;
    this.#seen = sequenced.head;
    await this.#report('sequenced', sequenced.batch);
    await this.#finishBatches(sequenced);
    return true;
  }

  async #closeScopes(): Promise<void> {
    if (this.#context.sealer === undefined || performance.now() < this.#closedAt + CLOSE_INTERVAL_MS) return;
    await closeDueScopes(this.#context);
    this.#closedAt = performance.now();
  }

  async #ensurePartitions(size: bigint): Promise<void> {
    if (size < this.#partitionedUntil) return;
    this.#partitionedUntil = await ensurePartitions(this.#context.database, size);
  }

  async #countQueued(): Promise<void> {
    const { database, ledgerId } = this.#context;
    const [backlog] = await database.query<{ queued: bigint }>(READ_BACKLOG, [ledgerId]);
    this.state.queued = backlog?.queued ?? 0n;
  }

  /**
   * Finishes batches, oldest first: the one just given its indices, and those that a stop or an error left unfinished. A leader that was
   * thought gone may have committed one right before ours.
   */
  async #finishBatches(sequenced?: Sequenced): Promise<void> {
    const { database, ledgerId } = this.#context;
    const unfinished = await database.query<{ start: bigint; end: bigint; root: Buffer }>(READ_BATCHES, [
      ledgerId,
      this.#signedThrough,
    ]);
    for (const batch of unfinished) {
      if (batch.end === sequenced?.batch.end) await this.#finishBatch(sequenced.batch, sequenced.entries);
      else await this.#finishBatch(batch);
    }
  }

  /** Where peers must cosign, the batch stays behind and later ones go on: `#finishWaiting` ends it. */
  async #finishBatch(batch: Batch, entries?: readonly Uint8Array[]): Promise<void> {
    await stageBatch(this.#context, batch, entries);
    await this.#report('staged', batch);
    const signed = await signBatch(this.#context, batch);
    await this.#report('signed', batch);
    const isPublished = await publishSigned(this.#context, signed);
    if (isPublished) {
      await this.#promote(batch);
    } else {
      this.#isWaiting = true;
      if (batch.oldestQueuedAt !== undefined) this.#queuedAt.set(batch.end, batch.oldestQueuedAt);
    }
    this.#signedThrough = batch.end;
  }

  /** Batches whose heads waited: whichever gateway got the cosignatures has published them, and it is ours to promote what they cover. */
  async #finishWaiting(): Promise<void> {
    const { database, ledgerId, publication } = this.#context;
    const announced = await publishAnnounced(this.#context);
    // Another gateway may have announced it.
    if (announced !== undefined && announced !== this.#announced) publication?.announce();
    this.#announced = announced;
    const rows = await database.query<Batch & { readonly isPublished: boolean }>(READ_WAITING, [
      ledgerId,
      this.#signedThrough,
    ]);
    for (const { start, end, root, isPublished } of rows) {
      if (!isPublished) return;
      const oldestQueuedAt = this.#queuedAt.get(end);
      this.#queuedAt.delete(end);
      await this.#promote({ start, end, root, ...(oldestQueuedAt !== undefined && { oldestQueuedAt }) });
    }
    if (rows.length === 0) this.#isWaiting = false;
  }

  async #promote(batch: Batch): Promise<void> {
    await this.#report('published', batch);
    await promoteBatch(this.#context, batch);
    await this.#report('promoted', batch);
  }

  async #report(step: CommitStep, batch: Batch): Promise<void> {
    await this.#context.onStep?.(step, batch);
  }

  async #reconcile(): Promise<void> {
    const { log, origin } = this.#context;
    await restoreFreeze(this.#context);
    const evidence = await readEvidence(this.#context);
    const lag = await findLag(this.#context, evidence);
    if (lag !== undefined) {
      this.state.frozen = `${lag}; recovering`;
      log.warn({ origin, lag }, 'ledger frozen, recovering from the tile store');
      const { recovered } = await recover(this.#context, evidence);
      log.warn({ origin, recovered: String(recovered) }, 'ledger recovered');
    }
    const head = await readHead(this.#context.database, this.#context.ledgerId);
    this.#seen = head;
    // What was signed had been staged before. The last one is done again: its note may not be in the tile store yet.
    const signed = await findSignedHead(this.#context.database, this.#context.ledgerId);
    this.#signedThrough = (signed?.size ?? 0n) - 1n;
    this.#isWaiting = true;
    this.#queuedAt.clear();
    this.state.frozen = head.frozen;
  }

  /** Another gateway leads: watch that the database does not go back under us. */
  async #follow(checked: () => void): Promise<void> {
    const head = await readHead(this.#context.database, this.#context.ledgerId);
    if (this.#seen !== undefined) refuseRegression(head, this.#seen);
    this.#seen = head;
    this.state.frozen = head.frozen;
    await this.#countQueued();
    checked();
    // Pushes taken here are the leader's work: they must not make each of us ask the database at once.
    await this.#pause(FOLLOW_INTERVAL_MS, { wakeable: false });
  }

  /** Freezes where the error says that the stores disagree; true if only a new start can help. */
  #refuse(error: unknown): boolean {
    const { log, origin } = this.#context;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const message = error instanceof Error ? error.message : String(error);
    if (code === 'REGRESSED') {
      this.state.frozen = message;
      // What was seen is kept by the tile store; reconciling starts from there.
      this.#seen = undefined;
      log.warn({ origin, reason: message }, 'ledger frozen');
      return false;
    }
    if ((error instanceof LedgerError && code !== 'OVERTAKEN') || code === 'TILE_CONFLICT') {
      this.state.frozen = message;
      log.error({ origin, reason: message }, 'ledger frozen until an operator mends it');
      return true;
    }
    log.warn({ origin, err: error }, 'sequencing interrupted, trying again');
    return false;
  }

  async #pause(ms: number, { wakeable = true }: { wakeable?: boolean } = {}): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => {
      if (wakeable || this.#stop.signal.aborted) woken.abort();
    };
    if (this.#stop.signal.aborted) return;
    await delay(ms, undefined, { signal: woken.signal }).catch(() => undefined);
    this.#wake = undefined;
  }
}
