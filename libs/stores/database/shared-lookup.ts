// Most keys that one statement looks up; those beyond wait for the next.
const MAX_BATCH = 512;

/** A key that is waited for, and the promise that all who asked for it share. */
type Waiting<Key, Value> = { readonly key: Key } & PromiseWithResolvers<Value>;

/** How keys are looked up. */
export interface SharedLookup<Key, Value> {
  /** No look-up begins sooner behind the one before it: keys that come meanwhile are gathered. The first behind a pause is looked up at once. */
  readonly paceMs?: number;
  /** Gives the same text for keys that mean the same: they are looked up once. */
  readonly identify: (key: Key) => string;
  /** Gives one value for each key, in the keys' order. */
  readonly lookUpAll: (keys: readonly Key[]) => Promise<readonly Value[]>;
}

/**
 * Turns a look-up of many keys into one of a single key: calls that arrive in one turn of the event loop, or while a look-up is under
 * way, share the next one, and those for one key share its value. No answer is older than its call, and however many callers there
 * are, one statement runs at a time.
 */
export function shareLookups<Key, Value>({
  identify,
  lookUpAll,
  paceMs = 0,
}: SharedLookup<Key, Value>): (key: Key) => Promise<Value> {
  const waiting = new Map<string, Waiting<Key, Value>>();
  let running = false;
  let begunAt = -Infinity;

  const settle = async (batch: readonly Waiting<Key, Value>[]): Promise<void> => {
    try {
      const values = await lookUpAll(batch.map(({ key }) => key));
      if (values.length !== batch.length) throw new Error('A look-up gave too few or too many values.');
      batch.forEach(({ resolve }, index) => {
        resolve(values[index] as Value); // the lengths are equal
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };

  /** Takes the oldest keys out: who asks for one of them from now on waits for the next look-up. */
  const takeBatch = (): Waiting<Key, Value>[] => {
    const batch = [...waiting].slice(0, MAX_BATCH);
    for (const [id] of batch) waiting.delete(id);
    return batch.map(([, entry]) => entry);
  };

  const run = async (): Promise<void> => {
    running = true;
    while (waiting.size > 0) {
      const restMs = begunAt + paceMs - performance.now();
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
      // Whatever the requests that were read in this turn ask for comes along.
      await new Promise(setImmediate);
      begunAt = performance.now();
      await settle(takeBatch());
    }
    running = false;
  };

  return (key) => {
    const id = identify(key);
    let entry = waiting.get(id);
    if (entry === undefined) {
      entry = { key, ...Promise.withResolvers<Value>() };
      waiting.set(id, entry);
    }
    if (!running) void run();
    return entry.promise;
  };
}
