import { Worker } from 'node:worker_threads';

/** A short file to be made durable at `path`, by way of `temporary`, which nobody else uses. */
export interface ShortJob {
  readonly temporary: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What the thread is told: files, and their bytes one behind the other. */
export interface ShortBatch {
  readonly files: readonly { readonly temporary: string; readonly path: string; readonly length: number }[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What the thread says of each file: nothing, or how the file system failed. */
export type ShortOutcome = { readonly message: string; readonly code: string } | undefined;

type Waiting = ShortJob & PromiseWithResolvers<boolean>;

// So long a batch may take, as files took of late: the thread syncs one after the other, and libuv's four do so at once.
const BATCH_MS = 40;
// How much the last batch counts in what a file takes.
const NEWEST = 0.2;

/**
 * A thread that makes short files durable, all that wait for it in one go. By libuv's threads each takes six trips, each of which wakes a thread and then
 * this one again: that costs more than what the file system does. It keeps no process alive that waits for nothing from it.
 */
export class ShortWriter {
  readonly #worker: Worker;
  #waiting: Waiting[] = [];
  #running: readonly Waiting[] | undefined;
  #begunAt = 0;
  #fileMs = 1;
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

  /**
   * Puts the bytes to a path, unless a file of that length is there, and syncs them and their folder. False where the caller had better do it himself:
   * the thread has enough to do, or has ended.
   */
  write(job: ShortJob): Promise<boolean> {
    if (!this.#isAlive || (this.#waiting.length + 1) * this.#fileMs > BATCH_MS) return Promise.resolve(false);
    const entry = { ...job, ...Promise.withResolvers<boolean>() };
    this.#waiting.push(entry);
    this.#proceed();
    return entry.promise;
  }

  /** Whatever this turn of the event loop still asks for comes along. */
  #proceed(): void {
    if (this.#isDue || this.#running !== undefined || this.#waiting.length === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      if (this.#isAlive) this.#send();
    });
  }

  #send(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    const bytes = new Uint8Array(batch.reduce((total, job) => total + job.bytes.length, 0));
    let at = 0;
    for (const job of batch) {
      bytes.set(job.bytes, at);
      at += job.bytes.length;
    }
    const files = batch.map(({ temporary, path, bytes: { length } }) => ({ temporary, path, length }));
    this.#running = batch;
    this.#begunAt = performance.now();
    this.#worker.ref();
    this.#worker.postMessage({ files, bytes } satisfies ShortBatch, [bytes.buffer]);
  }

  #settle(outcomes: readonly ShortOutcome[]): void {
    const batch = this.#running ?? [];
    this.#running = undefined;
    this.#worker.unref();
    const fileMs = (performance.now() - this.#begunAt) / Math.max(1, batch.length);
    this.#fileMs += (Math.min(fileMs, BATCH_MS) - this.#fileMs) * NEWEST;
    batch.forEach(({ resolve, reject }, index) => {
      const outcome = outcomes[index];
      if (outcome === undefined) resolve(true);
      else reject(Object.assign(new Error(outcome.message), { code: outcome.code }));
    });
    this.#proceed();
  }

  /** What was under way may have been done or not: to do it again is no harm. */
  #end(): void {
    this.#isAlive = false;
    for (const { resolve } of [...(this.#running ?? []), ...this.#waiting]) resolve(false);
    this.#running = undefined;
    this.#waiting = [];
  }
}

let shared: ShortWriter | undefined;

/** Gives the thread that this process has for short files, which starts with the first of them. */
export function getShortWriter(): ShortWriter {
  return (shared ??= new ShortWriter());
}
