import { setTimeout as after } from 'node:timers/promises';

import { expect } from 'vitest';

import { checkFederation, type FederationState } from './check-federation.ts';
import type { FederationFault } from './federation-faults.ts';
import { awaitReady } from './ready.ts';
import { choose, seeded } from './seeded.ts';
import { startWatchedFederation, type WatchedFederation } from './watched-federation.ts';

/** What is to happen. */
export interface Soak {
  readonly faults: readonly FederationFault[];
  readonly seed: number;
  readonly durationMs: number;
  /** Told what befalls the federation, as it happens. */
  readonly report: (line: string) => void;
}

/** What came of it. */
export interface SoakResult extends FederationState {
  readonly acknowledged: number;
  /** Images pulled from another organisation than theirs meanwhile. */
  readonly pulled: number;
  /** How often each fault happened, by name. */
  readonly happened: ReadonlyMap<string, number>;
}

const MAX_LENGTH_MS = 20_000;
const MAX_CALM_MS = 3_000;
const TOGETHER = 0.4;
const PUSHES_IN_CALM = 6;

/**
 * Lets faults befall three organisations at random moments, for random lengths of time, short ones more often, now and then two at once, while they are pushed to and pulled from; then
 * checks everything (`checkFederation`). What happens follows from the seed; how far things are when it does, not.
 */
export async function runSoak({ faults, seed, durationMs, report }: Soak): Promise<SoakResult> {
  const random = seeded(seed);
  const under = await startWatchedFederation();
  const happened = new Map<string, number>();
  const started = performance.now();
  const strike = async (): Promise<void> => {
    const fault = choose(faults, random);
    const second =
      random() < TOGETHER
        ? choose(
            faults.filter(({ joins }) => joins),
            random,
          )
        : undefined;
    const [lengthMs, calmMs] = [random() ** 2 * MAX_LENGTH_MS, random() * MAX_CALM_MS];
    const both = [fault, ...(second === undefined ? [] : [second])];
    const names = both.map(({ name }) => name).join(', and ');
    const at = ((performance.now() - started) / 1000).toFixed(1);
    report(`${at} s: ${names}, for ${(lengthMs / 1000).toFixed(1)} s; ${under.countPushes()} pushes so far`);
    const mends: (() => Promise<void>)[] = [];
    for (const one of both) {
      mends.push(await one.inject(under.federation, random));
      happened.set(one.name, (happened.get(one.name) ?? 0) + 1);
    }
    // How long it lasts is what is random here; nothing is waited for.
    await after(lengthMs);
    for (const mend of mends.toReversed()) await mend();
    // Only now: what befell somebody last may have been mended while he was still down for what befell him first.
    await Promise.all(under.federation.organisations.map(awaitReady));
    await after(calmMs);
  };
  try {
    while (performance.now() - started < durationMs) {
      const before = under.countPushes();
      await strike();
      await expect
        .poll(under.countPushes, { timeout: 120_000 })
        .toBeGreaterThanOrEqual(before + PUSHES_IN_CALM);
    }
    await under.quiet();
    const state = await checkFederation(under.watched);
    describe(under, report);
    const pulled = under.watched.reduce((sum, { puller }) => sum + puller.pulled, 0);
    return { ...state, acknowledged: under.countPushes(), pulled, happened };
  } catch (error) {
    describe(under, report);
    throw error;
  } finally {
    await under.close();
  }
}

/** What one needs to find out why: the ends of the gateways' logs, and what pushes and pulls ran into. */
function describe({ watched }: WatchedFederation, report: (line: string) => void): void {
  for (const { organisation, pusher, puller } of watched) {
    report(`${organisation.name} pushes: ${JSON.stringify([...pusher.failures])}`);
    report(`${organisation.name} pulls: ${JSON.stringify([...puller.failures])}`);
    report(organisation.gateway.logs().split('\n').slice(-60).join('\n'));
  }
}
