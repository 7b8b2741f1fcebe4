import { cutPower, LINKED_STOP_SECONDS, type LinkedFederation, type LinkMode } from '@dockchains/testing';
import { expect } from 'vitest';

import { DISK_FAULTS } from './disk-faults.ts';
import { awaitPublication } from './ready.ts';
import { choose } from './seeded.ts';

/** Something that befalls a federation. */
export interface FederationFault {
  readonly name: string;
  /** `link`: everybody runs on. `all`: nobody can be pushed to while it lasts. */
  readonly strikes: 'organisation' | 'link' | 'all';
  /** Whether it may befall whom something else has befallen. */
  readonly joins: boolean;
  /** Why it can't be made to happen on this machine. */
  readonly obstacle?: string | undefined;
  /** Makes it happen; what it gives mends it, whatever else has befallen whom it struck since. `random` gives numbers in [0, 1). */
  readonly inject: (federation: LinkedFederation, random: () => number) => Promise<() => Promise<void>>;
}

const MINUTES_10 = 600_000;

/** Each of these strikes one organisation, one link or all; none of them loses what was durable. */
export const FAULTS: readonly FederationFault[] = [
  {
    ...{ name: 'a gateway is killed', strikes: 'organisation', joins: false },
    inject: async ({ organisations }, random) => {
      const { gateway } = choose(organisations, random);
      await gateway.kill9();
      return () => gateway.restart();
    },
  },
  {
    // Whatever it asks of others is never answered: that must not keep it.
    ...{ name: 'a gateway is stopped that nobody answers', strikes: 'organisation', joins: false },
    inject: async (federation, random) => {
      const { organisations } = federation;
      const struck = choose(organisations, random);
      const others = organisations.filter((one) => one !== struck);
      const links = others.map((other) => federation.link(struck.name, other.name));
      for (const link of links) link.setMode({ kind: 'half-open', lost: 'answers' });
      await Promise.all(others.map(awaitPublication));
      const began = performance.now();
      await struck.gateway.stop();
      const stopMs = performance.now() - began;
      const { exitCode } = struck.gateway.process;
      const said = struck.gateway.logs().slice(-2_000);
      return async () => {
        for (const link of links) link.setMode({ kind: 'open' });
        await struck.gateway.restart();
        // In order, and not because its time was over.
        expect(exitCode, said).toBe(0);
        expect(stopMs).toBeLessThan(1000 * LINKED_STOP_SECONDS);
      };
    },
  },
  {
    ...{ name: 'a NATS server is killed', strikes: 'organisation', joins: false },
    inject: async ({ organisations }, random) => {
      const { nats } = choose(organisations, random);
      await nats.kill9();
      return () => nats.start();
    },
  },
  {
    ...{ name: 'a PostgreSQL is killed', strikes: 'organisation', joins: false },
    inject: async ({ organisations }, random) => {
      const struck = choose(organisations, random);
      await struck.postgres.kill9();
      return () => struck.postgres.start();
    },
  },
  linkFault('a link is cut', () => ({ kind: 'cut' })),
  linkFault('a link is slow', (random) => ({
    ...{ kind: 'slow', latencyMs: 50 + random() * 400, bytesPerSecond: 2_000 + random() * 50_000 },
  })),
  linkFault('a link swallows what is asked', () => ({ kind: 'half-open', lost: 'requests' })),
  linkFault('a link swallows what is answered', () => ({ kind: 'half-open', lost: 'answers' })),
  {
    ...{ name: 'an organisation loses power', strikes: 'organisation', joins: false },
    inject: async ({ organisations }, random) => cutPower([choose(organisations, random)]),
  },
  {
    ...{ name: 'all organisations lose power', strikes: 'all', joins: false },
    inject: ({ organisations }) => cutPower(organisations),
  },
  clockFault('a clock goes 10 minutes ahead', MINUTES_10),
  clockFault('a clock goes 10 minutes back', -MINUTES_10),
  ...DISK_FAULTS,
];

/** A gateway's clock jumps while it runs, and jumps back. */
function clockFault(name: string, ms: number): FederationFault {
  return {
    ...{ name, strikes: 'organisation', joins: true },
    inject: async ({ organisations }, random) => {
      const struck = choose(organisations, random);
      await struck.setClock(ms);
      return () => struck.setClock(0);
    },
  };
}

/** A pair of organisations can't speak as usual: both ways, or only one of them with the other. */
function linkFault(name: string, modeOf: (random: () => number) => LinkMode): FederationFault {
  return {
    ...{ name, strikes: 'link', joins: true },
    inject: (federation, random) => {
      const { organisations } = federation;
      const from = choose(organisations, random);
      const to = choose(
        organisations.filter((one) => one !== from),
        random,
      );
      const links = [federation.link(from.name, to.name), federation.link(to.name, from.name)];
      const struck = random() < 0.5 ? links : links.slice(0, 1);
      const mode = modeOf(random);
      for (const link of struck) link.setMode(mode);
      return Promise.resolve(() => {
        for (const link of struck) link.setMode({ kind: 'open' });
        return Promise.resolve();
      });
    },
  };
}
