import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TestOrganisation } from './federation.ts';
import { startGateway } from './gateway.ts';
import { Link } from './link.ts';
import { type LinkDoor, startNatsDoor, startWayOut } from './link-doors.ts';
import { startNats } from './nats.ts';
import { makePeers } from './peering.ts';
import { findFreePort } from './ports.ts';
import { createDatabaseOn, type PrivatePostgres, startPrivatePostgres } from './postgres.ts';
import { createShiftedClock } from './shifted-clock.ts';
import { findMountObstacle, mountSmallDisk, type SmallDisk } from './small-disk.ts';

/** An organisation that shares nothing with others: a gateway, a NATS server and a PostgreSQL that syncs, each with a folder of its own. */
export interface LinkedOrganisation extends TestOrganisation {
  readonly name: string;
  readonly postgres: PrivatePostgres;
  /** Where the gateway's and PostgreSQL's folders lie; undefined where no small file systems can be mounted. */
  readonly disks: Disks | undefined;
  /** Sets the gateway's clock so many milliseconds ahead, or behind if negative; it stays so over restarts. */
  setClock(ms: number): Promise<void>;
}

type Disks = { readonly gateway: SmallDisk; readonly postgres: SmallDisk };

/** Organisations that are peers of each other, with a link for each direction of each pair. */
export interface LinkedFederation {
  readonly organisations: readonly LinkedOrganisation[];
  /** What one organisation's connections to another go through, HTTP and NATS alike. */
  link(from: string, to: string): Link;
  close(): Promise<void>;
}

/**
 * Starts organisations of these names and makes them peers. A peer's addresses are in its signed descriptor and so the same for everybody, and TCP does not tell
 * who connects: so requests leave through an HTTP proxy of who asks (as many organisations' do), and NATS connections come in
 * through a door of who is asked, which reads the user's name that each must begin with.
 */
export async function startLinkedFederation(...names: readonly string[]): Promise<LinkedFederation> {
  await using cleanup = new AsyncDisposableStack();
  const links = new Map(
    names.flatMap((from) =>
      names.filter((to) => to !== from).map((to): [string, Link] => [`${from} ${to}`, new Link()]),
    ),
  );
  const byHost = new Map<string, string>();
  const byUser = new Map<string, string>();
  const start = async (name: string): Promise<LinkedOrganisation> => {
    const wayOut = await startWayOut((host) => links.get(`${name} ${byHost.get(host) ?? ''}`));
    const natsPort = await findFreePort();
    const door = await startNatsDoor(`127.0.0.1:${natsPort}`, (user) =>
      links.get(`${byUser.get(user) ?? ''} ${name}`),
    );
    for (const one of [wayOut, door]) cleanup.defer(() => one.close());
    const organisation = await startOrganisation({ name, wayOut, door, natsPort }, cleanup);
    byHost.set(organisation.gateway.host, name);
    return organisation;
  };
  const organisations = await Promise.all(names.map(start));
  for (const { name, gateway } of organisations) byUser.set(await findNatsUser(gateway.url), name);
  await makePeers(...organisations.map(({ gateway }) => gateway));
  const all = cleanup.move();
  return {
    organisations,
    link(from, to) {
      const link = links.get(`${from} ${to}`);
      if (link === undefined) throw new Error(`There is no link from ${from} to ${to}.`);
      return link;
    },
    close: () => all.disposeAsync(),
  };
}

/** Within how long of SIGTERM these gateways end: requests that wait for who does not answer have 4 seconds less. */
export const LINKED_STOP_SECONDS = 12;

// Room for twice what ten minutes of small pushes leave, and so little that memory has it.
const DISK_MEGABYTES = 384;

type Place = { name: string; wayOut: LinkDoor; door: LinkDoor; natsPort: number };

async function startOrganisation(
  { name, wayOut, door, natsPort }: Place,
  cleanup: AsyncDisposableStack,
): Promise<LinkedOrganisation> {
  const disks = await mountDisks(cleanup);
  const postgres = await startPrivatePostgres(
    { min_wal_size: '32MB', shared_buffers: '32MB' },
    disks?.postgres.folder,
  );
  cleanup.defer(() => postgres.remove());
  const { url: database } = await createDatabaseOn(postgres.url('postgres'));
  const dataDir = await mkdtemp(join(disks?.gateway.folder ?? tmpdir(), 'dockchains-linked-'));
  cleanup.defer(() => rm(dataDir, { recursive: true, force: true }));
  const clock = await createShiftedClock();
  cleanup.defer(() => clock.remove());
  const gateway = await startGateway({
    ...{ organisation: name, database, dataDir },
    env: {
      ...clock.env,
      DOCKCHAINS_STOP_SECONDS: String(LINKED_STOP_SECONDS),
      DOCKCHAINS_NATS_URL: `nats://${door.host}`,
      ...{ NODE_USE_ENV_PROXY: '1', http_proxy: `http://${wayOut.host}`, no_proxy: '' },
    },
  });
  cleanup.defer(() => gateway.close());
  // The gateway says who may come in, and finds the server when it is there.
  const accounts = await readFile(join(dataDir, 'keys', 'nats-accounts.conf'), 'utf8');
  const nats = await startNats(accounts, natsPort);
  cleanup.defer(() => nats.close());
  return { ...{ name, gateway, nats, postgres, disks }, setClock: (ms) => clock.shift(gateway, ms) };
}

async function mountDisks(cleanup: AsyncDisposableStack): Promise<Disks | undefined> {
  if (findMountObstacle() !== undefined) return undefined;
  const gateway = await mountSmallDisk(DISK_MEGABYTES);
  cleanup.defer(() => gateway.remove());
  const postgres = await mountSmallDisk(DISK_MEGABYTES);
  cleanup.defer(() => postgres.remove());
  return { gateway, postgres };
}

/** The NATS user that an organisation's descriptor names. */
async function findNatsUser(url: string): Promise<string> {
  const response = await fetch(`${url}/.well-known/dockchains/organisation.json`);
  const { payload } = (await response.json()) as { payload: string };
  const { keys } = JSON.parse(Buffer.from(payload, 'base64').toString()) as { keys: { nats: string } };
  return keys.nats;
}
