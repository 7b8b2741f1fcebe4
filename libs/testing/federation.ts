import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type GatewayOptions, startGateway, type TestGateway } from './gateway.ts';
import { startNats, type TestNats } from './nats.ts';
import { makePeers } from './peering.ts';
import { findFreePort } from './ports.ts';

/** An organisation with a database, a gateway and a NATS server of its own. */
export interface TestOrganisation {
  readonly gateway: TestGateway;
  readonly nats: TestNats;
}

/** Organisations that are peers of each other. */
export interface TestFederation {
  readonly organisations: readonly TestOrganisation[];
  close(): Promise<void>;
}

/** Starts organisations of these names, each on its own, and makes them peers of each other. */
export async function startFederation(...names: readonly string[]): Promise<TestFederation> {
  await using cleanup = new AsyncDisposableStack();
  const organisations: TestOrganisation[] = [];
  for (const organisation of names) {
    const started = await startOrganisation({ organisation });
    cleanup.defer(() => started.close());
    organisations.push(started);
  }
  await makePeers(...organisations.map(({ gateway }) => gateway));
  const all = cleanup.move();
  return { organisations, close: () => all.disposeAsync() };
}

/** Starts an organisation that has no peers yet: its gateway as the options say, and its NATS server. */
export async function startOrganisation(
  options: GatewayOptions & { readonly organisation: string },
): Promise<TestOrganisation & { close(): Promise<void> }> {
  await using cleanup = new AsyncDisposableStack();
  const port = await findFreePort();
  const env = { ...options.env, DOCKCHAINS_NATS_URL: `nats://127.0.0.1:${port}` };
  const gateway = await startGateway({ ...options, env });
  cleanup.defer(() => gateway.close());
  // The gateway says who may come in, and finds the server when it is there.
  const accounts = await readFile(join(gateway.dataDir, 'keys', 'nats-accounts.conf'), 'utf8');
  const nats = await startNats(accounts, port);
  cleanup.defer(() => nats.close());
  const all = cleanup.move();
  return { gateway, nats, close: () => all.disposeAsync() };
}
