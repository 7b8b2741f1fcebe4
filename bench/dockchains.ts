import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createDatabaseOn, startGateway } from '@dockchains/testing';

import { startPostgres } from '../infra/postgres.mjs';
import { REPOSITORY, type Target, TAGS_REPOSITORY } from './target.ts';

/** One client asks more here than the 10,000 requests a second that it may ask by default. */
export const UNLIMITED = {
  DOCKCHAINS_RATE_LIMIT_ADDRESS: '0',
  DOCKCHAINS_RATE_LIMIT_ACCOUNT: '0',
};

/** Starts a gateway as users have it, with authentication, ledger and a PostgreSQL of its own. */
export async function startDockchains(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-bench-'));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), life: 'temporary' });
  const { url: database } = await createDatabaseOn(postgres.url('postgres'));
  const gateway = await startGateway({ database, dataDir: folder, env: UNLIMITED });
  const scopes = [REPOSITORY, TAGS_REPOSITORY].map((name) => `repository:${name}:pull,push,delete`);
  return {
    name: 'Dockchains',
    url: gateway.url,
    authorize: async () => ({
      authorization: `Bearer ${await gateway.token(gateway.publisher, ...scopes)}`,
    }),
    pid: () => gateway.pid,
    start: () => gateway.restart(),
    halt: () => gateway.stop(),
    async stop() {
      await gateway.close();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
