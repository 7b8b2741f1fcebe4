// Most keys that one statement looks up; those beyond wait for the next.
const MAX_BATCH = 512;

type Waiting<Key, Value> = {
  key: Key;
  resolve: (value: Value) => void;
  reject: (reason: unknown) => void;
};

/**
 * Turns a look-up of many keys into one of a single key: calls that arrive while a look-up is under way share the
 * next one. No answer is older than its call, and however many callers there are, one statement runs at a time.
 * `lookUpAll` gives one value for each key, in the keys' order.
 */
export function shareLookups<Key, Value>(
  lookUpAll: (keys: readonly Key[]) => Promise<readonly Value[]>,
): (key: Key) => Promise<Value> {
  const waiting: Waiting<Key, Value>[] = [];
  let running = false;

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

  const run = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) await settle(waiting.splice(0, MAX_BATCH));
    running = false;
  };

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      if (!running) void run();
    });
}
