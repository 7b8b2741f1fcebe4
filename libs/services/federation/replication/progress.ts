/** How much of a log is durable here, and whether nothing more is taken from it. */
export type Reached = { readonly held: bigint; readonly published: bigint; readonly isFrozen: boolean };

type Wanted = { readonly held?: bigint; readonly published?: bigint };
type Waiting = {
  readonly wanted: Wanted;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
};

/** Lets those who brought something of a log wait until it is durable, by whichever way it comes. */
export class Progress {
  readonly #waiting = new Set<Waiting>();
  #reached: Reached = { held: 0n, published: 0n, isFrozen: false };

  /** Whether somebody waits. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  report(reached: Reached): void {
    this.#reached = reached;
    for (const one of this.#waiting) {
      if (!this.has(one.wanted)) continue;
      this.#waiting.delete(one);
      one.resolve();
    }
  }

  /** Resolves at so many entries held, or published; also once nothing more is taken. Rejects when the signal is aborted, or at the end. */
  async await(wanted: Wanted, gone: AbortSignal): Promise<void> {
    gone.throwIfAborted();
    if (this.has(wanted)) return;
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const one = {
      ...{ wanted, reject },
      resolve: () => {
        resolve(undefined);
      },
    };
    const leave = (): void => {
      this.#waiting.delete(one);
      reject(gone.reason);
    };
    this.#waiting.add(one);
    gone.addEventListener('abort', leave);
    await promise.finally(() => {
      gone.removeEventListener('abort', leave);
    });
  }

  /** Nothing more will be reported. */
  end(reason: Error): void {
    for (const { reject } of this.#waiting) reject(reason);
    this.#waiting.clear();
  }

  /** Whether that was reached, or nothing more is taken. */
  has({ held = 0n, published = 0n }: Wanted): boolean {
    const reached = this.#reached;
    return reached.isFrozen || (reached.held >= held && reached.published >= published);
  }
}
