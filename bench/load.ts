import { type Connection, connect } from './connection.ts';
import type { Target } from './target.ts';

/** How long one run goes on: until either bound is reached. */
export interface Bounds {
  readonly seconds: number;
  readonly operations: number;
}

/** One run: operations and bytes a second, and how long an operation took, in milliseconds. */
export interface Sample {
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** One operation over a connection; gives the bytes that it moved. */
export type Operation = (connection: Connection) => Promise<number>;

/** Repeats an operation over several connections at once until a bound is reached, and waits for all to end. */
export async function runLoad(
  target: Target,
  operation: Operation,
  { connections, bounds }: { connections: number; bounds: Bounds },
): Promise<Sample> {
  const authorization = await target.authorize();
  const open = Array.from({ length: connections }, () => connect(target.url, authorization));
  try {
    const tookMs: number[] = [];
    let started = 0;
    let bytes = 0;
    const begin = performance.now();
    const end = begin + bounds.seconds * 1000;
    const work = async (connection: Connection): Promise<void> => {
      while (started < bounds.operations && performance.now() < end) {
        started += 1;
        const before = performance.now();
        const moved = await operation(connection);
        bytes += moved;
        tookMs.push(performance.now() - before);
      }
    };
    await Promise.all(open.map(work));
    const seconds = (performance.now() - begin) / 1000;
    tookMs.sort((a, b) => a - b);
    return {
      perSecond: tookMs.length / seconds,
      bytesPerSecond: bytes / seconds,
      p50Ms: percentile(tookMs, 0.5),
      p99Ms: percentile(tookMs, 0.99),
      longestMs: percentile(tookMs, 1),
    };
  } finally {
    await Promise.all(open.map((connection) => connection.close()));
  }
}

/** Gives the value below which a fraction of sorted values lies. */
export function percentile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? NaN;
}
