/** Something that is open or shut; whoever needs it open waits for it. */
export class Gate {
  #opened = Promise.resolve();
  #open: (() => void) | undefined;

  shut(): void {
    if (this.#open !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#opened = promise.then(() => undefined);
    this.#open = () => {
      resolve(undefined);
    };
  }

  open(): void {
    this.#open?.();
    this.#open = undefined;
  }

  passed(): Promise<void> {
    return this.#opened;
  }
}
