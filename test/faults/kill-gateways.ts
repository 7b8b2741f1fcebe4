import { setTimeout as after } from 'node:timers/promises';

import { type GatewayPair, startGatewayPair, type TestGateway } from '@dockchains/testing';
import { openCheckpoint, parseVerifierKey } from '@dockchains/tlog';
import { expect } from 'vitest';

import { Gate } from './gate.ts';
import { seeded } from './seeded.ts';
import { Observer, verifyHistory } from './observer.ts';
import { Pusher } from './pusher.ts';
import { awaitPublished, readKeys, verifyPushes } from './verify.ts';

const WORKERS = 6;
const PUSHES_BETWEEN = 20;
const MAX_DELAY_MS = 300;

/** What happens to a gateway of the pair; gives back a function that brings it back. */
export type Blow = (victim: TestGateway) => Promise<() => Promise<void>>;

/** What a run left behind. */
export interface PairRun {
  readonly acknowledged: number;
  readonly checkpoints: number;
  readonly failures: ReadonlyMap<string, number>;
  /** The longest time without a new checkpoint around a strike, pushes coming in all the while, in milliseconds. */
  readonly largestGapMs: number;
  /** The longest such time at other moments: what the machine itself makes of it. */
  readonly calmGapMs: number;
}

/** Kills a gateway with SIGKILL. */
export const kill: Blow = async (victim) => {
  await victim.kill9();
  return () => victim.restart();
};

/** Halts a gateway with SIGSTOP: its connections stay, and nothing on them is answered. */
export const halt: Blow = async (victim) => {
  victim.process.kill('SIGSTOP');
  await Promise.resolve();
  return async () => {
    victim.process.kill('SIGCONT');
    await expect.poll(() => fetch(`${victim.url}/healthz`).then(({ status }) => status)).toBe(200);
  };
};

/**
 * Strikes one of two gateways `times` times under concurrent pushes, three times out of four the one that sequences, and then checks everything that was acknowledged or
 * served by either. Pushes go to both, and while one is away to the other.
 */
export async function strikeInTurns(blow: Blow, times: number, seed: number): Promise<PairRun> {
  const random = seeded(seed);
  const pair = await startGatewayPair();
  const { first, second } = pair;
  let leader = first;
  let away: TestGateway | undefined;
  let turn = 0;
  const strikes: number[] = [];
  const url = (): string => {
    turn += 1;
    if (away !== undefined) return (away === first ? second : first).url;
    return (turn % 2 === 0 ? first : second).url;
  };
  const pusher = new Pusher(
    {
      url,
      token: (repository) =>
        (away === first ? second : first).token(first.publisher, `repository:${repository}:pull,push`),
    },
    new Gate(),
  );
  const observers = [first, second].map((gateway) => new Observer(() => `${gateway.url}/log/public`));
  const pushesPass = async (): Promise<void> => {
    const before = pusher.acknowledged.length;
    await expect
      .poll(() => pusher.acknowledged.length, { timeout: 180_000, interval: 5 })
      .toBeGreaterThanOrEqual(before + PUSHES_BETWEEN);
  };
  try {
    for (const observer of observers) observer.start();
    pusher.start(WORKERS);
    for (let count = 0; count < times; count += 1) {
      await pushesPass();
      const hitsLeader = count === 0 || random() < 0.75;
      const other = leader === first ? second : first;
      const victim = hitsLeader ? leader : other;
      // The moment is what is random here; nothing is waited for.
      await after(random() * MAX_DELAY_MS);
      away = victim;
      strikes.push(performance.now());
      const bringBack = await blow(victim);
      await awaitGrowth(victim === first ? observers[1] : observers[0]);
      await pushesPass();
      await bringBack();
      away = undefined;
      if (hitsLeader) leader = other;
    }
    await pushesPass();
    const gaps = findGaps(observers, strikes);
    await pusher.stop();
    const checkpoints = await verifyBoth(pair, pusher, observers);
    return { acknowledged: pusher.acknowledged.length, checkpoints, failures: pusher.failures, ...gaps };
  } finally {
    for (const observer of observers) await observer.stop();
    await pusher.stop();
    // A halted one can't be stopped in order.
    for (const { process } of [first, second]) process.kill('SIGCONT');
    await pair.close();
  }
}

/** Checks what both gateways served and acknowledged; gives the number of different checkpoints. */
export async function verifyBoth(
  { first, second }: Pick<GatewayPair, 'first' | 'second'>,
  pusher: Pusher,
  observers: readonly Observer[],
): Promise<number> {
  await awaitPublished(first.databaseUrl);
  for (const observer of observers) await observer.stop();
  const { verifierKey } = await readKeys(first.url);
  for (const { url } of [first, second]) {
    await verifyPushes(url, first.databaseUrl, pusher.acknowledged);
  }
  for (const { notes } of observers) await verifyHistory(notes, `${second.url}/log/public`, verifierKey);
  const key = parseVerifierKey(verifierKey);
  const all = [...new Set(observers.flatMap(({ notes }) => notes))];
  const bySize = all.toSorted((a, b) =>
    Number(openCheckpoint(a, key).checkpoint.size - openCheckpoint(b, key).checkpoint.size),
  );
  return verifyHistory(bySize, `${first.url}/log/public`, verifierKey);
}

const awaitGrowth = async (observer: Observer | undefined): Promise<void> => {
  const before = observer?.notes.length ?? 0;
  await expect
    .poll(() => observer?.notes.length, { timeout: 180_000, interval: 20 })
    .toBeGreaterThan(before + 1);
};

/** The longest times in which neither observer saw a checkpoint that nobody had seen before: around strikes, and else. */
function findGaps(
  observers: readonly Observer[],
  strikes: readonly number[],
): Pick<PairRun, 'largestGapMs' | 'calmGapMs'> {
  const firstSeen = new Map<string, number>();
  for (const { notes, seenAt } of observers) {
    notes.forEach((note, index) => {
      const at = seenAt[index] ?? Infinity;
      firstSeen.set(note, Math.min(at, firstSeen.get(note) ?? Infinity));
    });
  }
  const times = [...firstSeen.values()].toSorted((a, b) => a - b);
  let [largestGapMs, calmGapMs] = [0, 0];
  times.slice(1).forEach((to, index) => {
    const from = times[index] ?? to;
    const isStruck = strikes.some((strike) => strike >= from && strike <= to);
    if (isStruck) largestGapMs = Math.max(largestGapMs, to - from);
    else calmGapMs = Math.max(calmGapMs, to - from);
  });
  return { largestGapMs, calmGapMs };
}

/** A run in a sentence. */
export function describeRun(
  what: string,
  { acknowledged, checkpoints, largestGapMs, calmGapMs }: PairRun,
): string {
  const gaps = `${Math.round(largestGapMs)} ms without a checkpoint around a strike, ${Math.round(calmGapMs)} ms else`;
  return `${what}: ${acknowledged} pushes, ${checkpoints} checkpoints; at most ${gaps}\n`;
}
