import { Worker } from 'node:worker_threads';

import type { DigestAlgorithm } from '@dockchains/oci';

/** What the thread is told; `id` names one hash. Bytes are shared with it, not copied. */
export type Order =
  | { readonly kind: 'begin'; readonly id: number; readonly algorithm: DigestAlgorithm }
  | { readonly kind: 'update'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'digest' | 'drop'; readonly id: number };

type Waiting = { resolve: (answer: string | undefined) => void; reject: (error: Error) => void };

/** A thread that hashes, so that the one that reads from sockets need not. It keeps no process alive that waits for nothing from it. */
export class HashThread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #failure: Error | undefined;
  #nextId = 0;

  constructor(main: URL = new URL('hash-thread-main.mjs', import.meta.url)) {
    this.#worker = new Worker(main, { execArgv: [] });
    this.#worker.unref();
    this.#worker.on('message', (answer: string | undefined) => {
      this.#waiting.shift()?.resolve(answer);
      if (this.#waiting.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (cause) => {
      this.#fail(cause);
    });
    this.#worker.on('exit', () => {
      this.#fail(undefined);
    });
  }

  /** False once the thread has ended, with all hashes that it had. */
  get isAlive(): boolean {
    return this.#failure === undefined;
  }

  /** Begins a hash and gives its id. */
  begin(algorithm: DigestAlgorithm): number {
    const id = this.#nextId++;
    // Whoever goes on with it is told that the thread has ended.
    this.#order({ kind: 'begin', id, algorithm }).catch(() => undefined);
    return id;
  }

  /** Adds shared bytes to a hash; they may be written over once this resolves. */
  async update(id: number, bytes: Uint8Array): Promise<void> {
    await this.#order({ kind: 'update', id, bytes });
  }

  /** Gives the lowercase hexadecimal digest of what a hash has so far. */
  async digest(id: number): Promise<string> {
    const hex = await this.#order({ kind: 'digest', id });
    if (hex === undefined) throw new Error('The hash is not there any more.');
    return hex;
  }

  /** Lets go of a hash. */
  drop(id: number): void {
    this.#order({ kind: 'drop', id }).catch(() => undefined); // gone with the thread
  }

  #order(order: Order): Promise<string | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ resolve, reject }) === 1) this.#worker.ref();
      this.#worker.postMessage(order);
    });
  }

  #fail(cause: unknown): void {
    this.#failure ??= new Error('The thread that hashes uploads has ended.', { cause });
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}
