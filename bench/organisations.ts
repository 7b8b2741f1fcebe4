import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createDatabaseOn, makePeers, startOrganisation, type TestGateway } from '@dockchains/testing';

import { startPostgres } from '../infra/postgres.mjs';
import { UNLIMITED } from './dockchains.ts';

/** An organisation's gateway, with a PostgreSQL, a NATS server and a folder of its own. */
export type Organisation = { readonly name: string; readonly gateway: TestGateway };

/** Organisations on this machine. */
export interface Organisations {
  /** Starts another one, without peers. */
  start(name: string): Promise<Organisation>;
  /** Starts three that are peers of each other: where images are pushed, and two others. */
  startFederation(): Promise<readonly [Organisation, Organisation, Organisation]>;
  close(): Promise<void>;
}

/** Gives nothing that runs yet; what was started is stopped and removed by `close`. */
export function openOrganisations(): Organisations {
  const cleanup = new AsyncDisposableStack();
  const start = async (name: string): Promise<Organisation> => {
    const folder = await mkdtemp(join(tmpdir(), 'dockchains-bench-'));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), life: 'temporary' });
    cleanup.defer(() => postgres.stop());
    const { url: database } = await createDatabaseOn(postgres.url('postgres'));
    const started = await startOrganisation({
      organisation: name,
      database,
      dataDir: folder,
      env: UNLIMITED,
    });
    cleanup.defer(() => started.close());
    return { name, gateway: started.gateway };
  };
  return {
    start,
    async startFederation() {
      const all = [
        await start('acme.example'),
        await start('globex.example'),
        await start('initech.example'),
      ] as const;
      await makePeers(...all.map(({ gateway }) => gateway));
      return all;
    },
    close: () => cleanup.disposeAsync(),
  };
}

/** Asks a gateway's GraphQL, as anybody may. */
export async function query<Data>(
  { gateway }: Organisation,
  text: string,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<Data> {
  const answer = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: text, variables }),
  });
  const { data, errors } = (await answer.json()) as { data?: Data; errors?: readonly unknown[] };
  if (data === undefined || errors !== undefined) {
    throw new Error(`GraphQL answered ${answer.status}: ${JSON.stringify(errors)}`);
  }
  return data;
}
