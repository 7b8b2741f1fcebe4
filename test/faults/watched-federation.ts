import { createHash } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';

import { type LinkedFederation, type LinkedOrganisation, startLinkedFederation } from '@dockchains/testing';

import { Observer } from './observer.ts';
import { Puller } from './puller.ts';
import { Pusher } from './pusher.ts';

/** An organisation that is pushed to, and what everybody serves of its public log is kept. */
export interface Watched {
  readonly organisation: LinkedOrganisation;
  readonly pusher: Pusher;
  /** Pulls from it what is pushed to others. */
  readonly puller: Puller;
  /** Of the checkpoint that it serves itself, of the newest that it signed, and of the ones in its peers' mirrors. */
  readonly observers: readonly Observer[];
}

/** A federation under load. */
export interface WatchedFederation {
  readonly federation: LinkedFederation;
  readonly watched: readonly Watched[];
  /** How many pushes were acknowledged so far. */
  readonly countPushes: () => number;
  /** Ends pushing and watching. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

const NAMES = ['acme.example', 'globex.example', 'initech.example'];
const WORKERS = 1;
// So few that all of it can be pulled from everywhere at the end.
const PACE_MS = 400;
const RETRY_MS = 100;
const PULL_MS = 400;
const OBSERVE_MS = 200;

/** Starts three organisations, pushes to all of them, and watches their logs. */
export async function startWatchedFederation(): Promise<WatchedFederation> {
  const federation = await startLinkedFederation(...NAMES);
  const pushers = new Map(federation.organisations.map((one) => [one.name, pushTo(one)]));
  const watched = federation.organisations.map((one) => watch(one, federation.organisations, pushers));
  for (const { pusher, puller, observers } of watched) {
    for (const observer of observers) observer.start();
    pusher.start(WORKERS);
    puller.start();
  }
  const quiet = async (): Promise<void> => {
    await Promise.all(watched.flatMap(({ pusher, puller }) => [pusher.stop(), puller.stop()]));
    await Promise.all(watched.flatMap(({ observers }) => observers).map((observer) => observer.stop()));
  };
  return {
    ...{ federation, watched, quiet },
    countPushes: () => watched.reduce((sum, { pusher }) => sum + pusher.acknowledged.length, 0),
    async close() {
      await quiet();
      await federation.close();
    },
  };
}

/** Path of a peer's mirror of an organisation's public log. */
export function mirrorPath(organisation: string): string {
  return `/mirror/${createHash('sha256').update(`${organisation}/ledger/public`).digest('hex')}`;
}

function pushTo({ gateway }: LinkedOrganisation): Pusher {
  const target = {
    url: () => gateway.url,
    token: (repository: string) => gateway.token(gateway.publisher, `repository:${repository}:pull,push`),
  };
  return new Pusher(target, { passed: () => after(RETRY_MS) }, { paceMs: PACE_MS });
}

function watch(
  organisation: LinkedOrganisation,
  all: readonly LinkedOrganisation[],
  pushers: ReadonlyMap<string, Pusher>,
): Watched {
  const { name, gateway } = organisation;
  const others = all.filter((one) => one !== organisation);
  const own = (): string => `${gateway.url}/log/public`;
  const observers = [
    new Observer(own, { everyMs: OBSERVE_MS }),
    new Observer(own, { everyMs: OBSERVE_MS, file: 'signed' }),
    ...others.map(
      (holder) => new Observer(() => `${holder.gateway.url}${mirrorPath(name)}`, { everyMs: OBSERVE_MS }),
    ),
  ];
  const pusher = pushers.get(name);
  if (pusher === undefined) throw new Error(`Nobody pushes to ${name}.`);
  const puller = new Puller(
    gateway.url,
    others.map((other) => ({
      organisation: other.name,
      acknowledged: () => pushers.get(other.name)?.acknowledged ?? [],
    })),
    PULL_MS,
  );
  return { organisation, pusher, puller, observers };
}
