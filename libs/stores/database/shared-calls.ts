import { isConnectionLoss } from './errors.ts';

// Most calls of one statement: what it locks is held until all of them are written.
const MAX_BATCH = 64;
// While so many are under way, calls gather.
const RUNNING = 1;
// For so long a call waits for those under way, which may wait for a lock that has nothing to do with it.
const PATIENCE_MS = 20;
const MAX_RUNNING = 12;

/** How calls are made, alone and together. */
export interface SharedCalls<Call, Result> {
  /** No call begins sooner behind the one before it: those that come meanwhile are gathered. The first behind a pause is made at once. */
  readonly paceMs?: number;
  readonly callOne: (call: Call) => Promise<Result>;
  /** Gives one result for each call, in their order; what it throws undoes all of them. */
  readonly callAll: (calls: readonly Call[]) => Promise<readonly Result[]>;
}

type Waiting<Call, Result> = { readonly call: Call } & PromiseWithResolvers<Result>;

/**
 * Turns a statement that writes for one into one that writes for many: calls that arrive in one turn of the event loop, or while another is under way, are
 * made together, in one transaction, once the turn is over and that one has ended or has taken 20 ms. Where that fails each is made by itself, so that no
 * call fails through another; where the connection is lost all of them fail, because nobody knows what became of them.
 */
export function shareCalls<Call, Result>({
  callOne,
  callAll,
  paceMs = 0,
}: SharedCalls<Call, Result>): (call: Call) => Promise<Result> {
  let waiting: Waiting<Call, Result>[] = [];
  let running = 0;
  let isDue = false;
  let timer: NodeJS.Timeout | undefined;
  let begunAt = -Infinity;
  let gathering: NodeJS.Timeout | undefined;

  const alone = ({ call, resolve, reject }: Waiting<Call, Result>): Promise<void> =>
    callOne(call).then(resolve, reject);

  const together = async (batch: readonly Waiting<Call, Result>[]): Promise<void> => {
    try {
      const results = await callAll(batch.map(({ call }) => call));
      if (results.length !== batch.length) throw new Error('A shared call gave too few or too many results.');
      batch.forEach(({ resolve }, index) => {
        resolve(results[index] as Result); // the lengths are equal
      });
    } catch (error) {
      if (isConnectionLoss(error)) for (const { reject } of batch) reject(error);
      else await Promise.all(batch.map(alone));
    }
  };

  const start = async (): Promise<void> => {
    const batch = waiting.slice(0, MAX_BATCH);
    waiting = waiting.slice(MAX_BATCH);
    const [first] = batch;
    if (first === undefined) return;
    running += 1;
    begunAt = performance.now();
    await (batch.length === 1 ? alone(first) : together(batch));
    running -= 1;
    proceed();
  };

  const proceed = (): void => {
    const restMs = begunAt + paceMs - performance.now();
    if (running >= RUNNING) wait();
    else if (restMs <= 0) startSoon();
    else if (waiting.length > 0) {
      gathering ??= setTimeout(() => {
        gathering = undefined;
        proceed();
      }, restMs);
    }
  };

  /** Whatever the requests that were read in this turn ask for comes along. */
  const startSoon = (): void => {
    if (isDue || waiting.length === 0) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      if (running < RUNNING) void start();
      else wait();
    });
  };

  const wait = (): void => {
    if (waiting.length === 0 || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (running < MAX_RUNNING) void start();
      wait();
    }, PATIENCE_MS);
  };

  return (call) => {
    const entry = { call, ...Promise.withResolvers<Result>() };
    waiting.push(entry);
    proceed();
    return entry.promise;
  };
}
