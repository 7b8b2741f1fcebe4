import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { inject } from 'vitest';
import { removePostgres, startPostgres, type PostgresServer } from '../../infra/postgres.mjs';

const run = promisify(execFile);

/** A fresh, empty database. */
export interface TestDatabase {
  readonly url: string;
  /** Drops it, also while others are connected to it. */
  drop(): Promise<void>;
}

/** Makes a fresh database on the run's server, which the global setup has started. */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabaseOn(inject('postgresUrl'));
}

/** Makes a fresh database on the server that a URL of a superuser points to. */
export async function createDatabaseOn(serverUrl: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await execute(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => execute(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** A server of one test's own, to be killed, restarted on its port, and put back to an earlier copy. */
export interface PrivatePostgres {
  readonly port: number;
  /** The connection URL of one of its databases; `postgres` is there from the start. */
  url(database: string): string;
  /** Kills it with SIGKILL. */
  kill9(): Promise<void>;
  /** Stops it in order. */
  stop(): Promise<void>;
  /** Starts it again on the same port, and recovers. */
  start(): Promise<void>;
  /** Copies its data to a folder that must not exist; it must be stopped. */
  snapshot(folder: string): Promise<void>;
  /** Puts the data back to a copy made by `snapshot`; it must be stopped. */
  restore(folder: string): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** Starts a private server in a temporary folder; it ends with this process however that ends. */
export async function startPrivatePostgres(
  settings: Readonly<Record<string, string | number>> = {},
): Promise<PrivatePostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'dockchains-test-'));
  await chmod(dataDir, 0o711); // the server may run as another user
  let server: PostgresServer | undefined = await startPostgres({ dataDir, settings, life: 'temporary' });
  const { port, cluster, url } = server;
  const end = async (how: 'stop' | 'kill9'): Promise<void> => {
    await server?.[how]();
    server = undefined;
  };
  const requireStopped = (): void => {
    if (server) throw new Error('Stop the server before its data are copied.');
  };
  return {
    port,
    url,
    kill9: () => end('kill9'),
    stop: () => end('stop'),
    start: async () => {
      server ??= await startPostgres({ dataDir, settings, life: 'temporary' });
      if (server.port !== port) throw new Error(`Port ${port} was taken while the server was down.`);
    },
    snapshot: async (folder) => {
      requireStopped();
      await run('cp', ['-a', cluster, folder]);
    },
    restore: async (folder) => {
      requireStopped();
      await rm(cluster, { recursive: true });
      await run('cp', ['-a', folder, cluster]);
    },
    remove: async () => {
      await end('stop');
      removePostgres(dataDir);
    },
  };
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
