import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createDatabaseOn, startGateway } from '@dockchains/testing';

import { startPostgres } from '../infra/postgres.mjs';
import { REPOSITORY, type Target, TAGS_REPOSITORY } from './target.ts';

/** Starts a gateway as users have it, with authentication, ledger and a PostgreSQL of its own. */
export async function startDockchains(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'dockchains-bench-'));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), life: 'temporary' });
  const { url: database } = await createDatabaseOn(postgres.url('postgres'));
  const gateway = await startGateway({ database, dataDir: folder });
  const scopes = [REPOSITORY, TAGS_REPOSITORY].map((name) => `repository:${name}:pull,push,delete`);
  return {
    name: 'Dockchains',
    url: gateway.url,
    authorize: async () => ({
      authorization: `Bearer ${await gateway.token(gateway.publisher, ...scopes)}`,
    }),
    async stop() {
      await gateway.close();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
