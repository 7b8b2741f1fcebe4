import { Worker } from 'node:worker_threads';

import type { Digest } from '@dockchains/oci';

/** A file of 1 to 65,536 bytes for the blob store in folder `root`. */
export interface ShortJob {
  readonly root: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** Files, and their bytes one behind the other. */
export interface ShortBatch {
  readonly files: readonly { readonly root: string; readonly digest: string; readonly length: number }[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What the thread says of each file: nothing, or how the file system failed. */
export type ShortOutcome = { readonly message: string; readonly code: string } | undefined;

type Waiting = ShortJob & PromiseWithResolvers<boolean>;

// So that those that come first are answered before all have come.
const BATCH_BYTES = 1 << 20;

/**
 * A thread that makes short files durable, all that wait for it in one go, by a journal (`short-journal.mjs`). By libuv's threads each takes six trips, each
 * of which wakes a thread and then this one again, and two commits of the file system. It keeps no process alive that waits for nothing from it.
 */
export class ShortWriter {
  readonly #worker: Worker;
  #running: readonly Waiting[] = [];
  #waiting: Waiting[] = [];
  #isDue = false;
  #isAlive = true;

  constructor(main: URL = new URL('short-writer-main.mjs', import.meta.url)) {
    this.#worker = new Worker(main, { execArgv: [] });
    this.#worker.unref();
    this.#worker.on('message', (outcomes: readonly ShortOutcome[]) => {
      this.#settle(outcomes);
    });
    this.#worker.on('error', () => {
      this.#end();
    });
    this.#worker.on('exit', () => {
      this.#end();
    });
  }

  /** Puts the bytes to their place, durably. False where the caller must do it himself, because the thread has ended. */
  write(job: ShortJob): Promise<boolean> {
    if (!this.#isAlive) return Promise.resolve(false);
    const entry = { ...job, ...Promise.withResolvers<boolean>() };
    this.#waiting.push(entry);
    this.#proceed();
    return entry.promise;
  }

  /** Whatever this turn of the event loop still asks for comes along. */
  #proceed(): void {
    if (this.#isDue || this.#running.length > 0 || this.#waiting.length === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      if (this.#isAlive) this.#send();
    });
  }

  #send(): void {
    this.#running = this.#takeBatch();
    const bytes = new Uint8Array(this.#running.reduce((total, job) => total + job.bytes.length, 0));
    let at = 0;
    for (const job of this.#running) {
      bytes.set(job.bytes, at);
      at += job.bytes.length;
    }
    const files = this.#running.map(({ root, digest, bytes: { length } }) => ({ root, digest, length }));
    this.#worker.ref();
    this.#worker.postMessage({ files, bytes } satisfies ShortBatch, [bytes.buffer]);
  }

  #takeBatch(): readonly Waiting[] {
    let room = BATCH_BYTES;
    const end = this.#waiting.findIndex(({ bytes }) => (room -= bytes.length) < 0);
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(1, end));
  }

  #settle(outcomes: readonly ShortOutcome[]): void {
    const settled = this.#running;
    this.#running = [];
    this.#worker.unref();
    settled.forEach(({ resolve, reject }, index) => {
      const outcome = outcomes[index];
      if (outcome === undefined) resolve(true);
      else reject(Object.assign(new Error(outcome.message), { code: outcome.code }));
    });
    this.#proceed();
  }

  /** What was under way may have been done or not: to do it again is no harm. */
  #end(): void {
    this.#isAlive = false;
    for (const { resolve } of [...this.#running, ...this.#waiting.splice(0)]) resolve(false);
    this.#running = [];
  }
}

let shared: ShortWriter | undefined;

/** Gives the thread that this process has for short files, which starts with the first of them. */
export function getShortWriter(): ShortWriter {
  return (shared ??= new ShortWriter());
}
