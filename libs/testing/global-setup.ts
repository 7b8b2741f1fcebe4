import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { removePostgres, startPostgres } from '../../infra/postgres.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of the run's PostgreSQL, at its maintenance database, as a superuser. */
    postgresUrl: string;
  }
}

// Nothing on it outlives the run: what is to survive a crash is tested on servers of the tests' own.
const HASTY = { fsync: 'off', full_page_writes: 'off' };

/** Starts one PostgreSQL for the whole run, on a free port; Vitest calls what it returns at the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'dockchains-test-'));
  await chmod(dataDir, 0o711); // the server may run as another user
  const server = await startPostgres({
    dataDir,
    settings: { max_connections: 400, ...HASTY },
    life: 'temporary',
  });
  project.provide('postgresUrl', server.url('postgres'));
  return async () => {
    await server.stop();
    removePostgres(dataDir);
  };
}
