import { exhaustLog, findMountObstacle, type LinkedOrganisation, type SmallDisk } from '@dockchains/testing';
import { expect } from 'vitest';

import type { FederationFault } from './federation-faults.ts';
import { pushImage } from './pusher.ts';
import { choose } from './seeded.ts';

const FELT = { timeout: 60_000, interval: 50 };

/** No room is left where an organisation keeps its things, until there is. */
export const DISK_FAULTS: readonly FederationFault[] = [
  {
    ...{ name: 'a gateway’s disk is full', strikes: 'organisation', joins: true },
    obstacle: findMountObstacle(),
    inject: async ({ organisations }, random) => {
      const struck = choose(organisations, random);
      const { gateway: disk } = disksOf(struck);
      await disk.fill();
      await awaitRefusal(struck);
      return () => disk.free();
    },
  },
  {
    // Tables cannot grow; what finds room in them goes on, and so does the log while it has segments.
    ...{ name: 'a PostgreSQL’s disk is full', strikes: 'organisation', joins: true },
    obstacle: findMountObstacle(),
    inject: async ({ organisations }, random) => {
      const struck = choose(organisations, random);
      const { postgres: disk } = disksOf(struck);
      await disk.fill();
      return () => freePostgres(struck, disk);
    },
  },
  {
    // It ends all connections, recovers, and gives up if there is no room for that either.
    ...{ name: 'a PostgreSQL has no room for its log', strikes: 'organisation', joins: false },
    obstacle: findMountObstacle(),
    inject: async ({ organisations }, random) => {
      const struck = choose(organisations, random);
      const { postgres: disk } = disksOf(struck);
      await exhaustLog(struck.postgres.url('postgres'), disk);
      await awaitRefusal(struck);
      return () => freePostgres(struck, disk);
    },
  },
];

async function freePostgres(struck: LinkedOrganisation, disk: SmallDisk): Promise<void> {
  await disk.free();
  // What has stopped it besides, starts it again.
  if (struck.postgres.pid !== 0) await struck.postgres.start();
}

/** Waits until an organisation refuses a push, or is not there. */
async function awaitRefusal({ gateway }: LinkedOrganisation): Promise<void> {
  const isRefused = async (): Promise<boolean> => {
    try {
      const token = await gateway.token(gateway.publisher, 'repository:public/probe:pull,push');
      await pushImage(gateway.url, token, 'public/probe', 'probe');
      return false;
    } catch {
      return true;
    }
  };
  await expect.poll(isRefused, FELT).toBe(true);
}

function disksOf({ disks }: LinkedOrganisation): NonNullable<LinkedOrganisation['disks']> {
  if (disks === undefined) throw new Error(findMountObstacle() ?? 'There are no small disks.');
  return disks;
}
