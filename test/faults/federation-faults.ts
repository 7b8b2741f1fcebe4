import { cutPower, type LinkedFederation, type LinkedOrganisation, type LinkMode } from '@dockchains/testing';
import { expect } from 'vitest';

/** Something that befalls a federation. */
export interface FederationFault {
  readonly name: string;
  /** `link`: everybody runs on. `all`: nobody can be pushed to while it lasts. */
  readonly strikes: 'organisation' | 'link' | 'all';
  /** Makes it happen; what it gives mends it, and resolves when who was struck serves again. `random` gives numbers in [0, 1). */
  readonly inject: (federation: LinkedFederation, random: () => number) => Promise<() => Promise<void>>;
}

/** Each of these strikes one organisation, one link or all; none of them loses what was durable. */
export const FAULTS: readonly FederationFault[] = [
  {
    ...{ name: 'a gateway is killed', strikes: 'organisation' },
    inject: async ({ organisations }, random) => {
      const { gateway } = choose(organisations, random);
      await gateway.kill9();
      return () => gateway.restart();
    },
  },
  {
    ...{ name: 'a NATS server is killed', strikes: 'organisation' },
    inject: async ({ organisations }, random) => {
      const { nats } = choose(organisations, random);
      await nats.kill9();
      return () => nats.start();
    },
  },
  {
    ...{ name: 'a PostgreSQL is killed', strikes: 'organisation' },
    inject: async ({ organisations }, random) => {
      const struck = choose(organisations, random);
      await struck.postgres.kill9();
      return async () => {
        await struck.postgres.start();
        await awaitReady(struck);
      };
    },
  },
  linkFault('a link is cut', () => ({ kind: 'cut' })),
  linkFault('a link is slow', (random) => ({
    ...{ kind: 'slow', latencyMs: 50 + random() * 400, bytesPerSecond: 2_000 + random() * 50_000 },
  })),
  linkFault('a link swallows what is asked', () => ({ kind: 'half-open', lost: 'requests' })),
  linkFault('a link swallows what is answered', () => ({ kind: 'half-open', lost: 'answers' })),
  {
    ...{ name: 'an organisation loses power', strikes: 'organisation' },
    inject: async ({ organisations }, random) => powerCut([choose(organisations, random)]),
  },
  {
    ...{ name: 'all organisations lose power', strikes: 'all' },
    inject: ({ organisations }) => powerCut(organisations),
  },
];

/** Takes one of several. */
export function choose<Item>(items: readonly Item[], random: () => number): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('There is nothing to choose from.');
  return item;
}

/** Waits until a gateway takes pushes. */
async function awaitReady({ gateway }: LinkedOrganisation): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    const signal = AbortSignal.timeout(2_000);
    const answer = await fetch(`${gateway.url}/readyz`, { signal }).catch(() => undefined);
    return answer?.status === 200;
  };
  await expect.poll(isReady, { timeout: 60_000, interval: 20 }).toBe(true);
}

/** A pair of organisations can't speak as usual: both ways, or only one of them with the other. */
function linkFault(name: string, modeOf: (random: () => number) => LinkMode): FederationFault {
  return {
    ...{ name, strikes: 'link' },
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

async function powerCut(struck: readonly LinkedOrganisation[]): Promise<() => Promise<void>> {
  const restore = await cutPower(struck);
  return async () => {
    await restore();
    await Promise.all(struck.map(awaitReady));
  };
}
