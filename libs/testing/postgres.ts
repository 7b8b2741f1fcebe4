import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { migrate } from '@dockchains/database';
import pRetry, { AbortError } from 'p-retry';
import pg from 'pg';
import { inject } from 'vitest';
import {
  isPostgresRunning,
  removePostgres,
  startPostgres,
  type PostgresServer,
} from '../../infra/postgres.mjs';

import { describeShape, type Shape, wipe } from './wipe.ts';

const run = promisify(execFile);

/** A database of a test's own. */
export interface TestDatabase {
  readonly url: string;
  /** Takes it away, also while others are connected to it. */
  drop(): Promise<void>;
}

// Those that tests of this file are done with, as they were before.
const wiped: TestDatabase[] = [];
let shape: Shape | undefined;

/**
 * Makes a database with all tables on the run's server, which the global setup has started. It is a copy, or one that an
 * earlier test of the file dropped and that was wiped: to make one takes ten times as long.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const known = wiped.pop();
  if (known !== undefined) return known;
  const made = await copyTemplate(inject('postgresUrl'), { name: 'migrated', fill: migrate });
  shape ??= await withClient(made.url, describeShape);
  const before = shape;
  const database: TestDatabase = {
    url: made.url,
    async drop() {
      if (await withClient(made.url, (client) => wipe(client, before))) wiped.push(database);
      else await made.drop();
    },
  };
  return database;
}

/** Makes an empty database on the run's server, for what brings its tables itself. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabaseOn(inject('postgresUrl'));
}

/** Makes an empty database on the server that a URL of a superuser points to. */
export function createDatabaseOn(serverUrl: string): Promise<TestDatabase> {
  return create(serverUrl, '');
}

async function create(serverUrl: string, options: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await execute(serverUrl, `CREATE DATABASE ${name} ${options}`);
  return {
    url: urlOf(serverUrl, name),
    drop: () => execute(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

/** What databases are copied from, on one server: `fill` is called once. */
export interface Template {
  /** Lowercase letters. */
  readonly name: string;
  readonly fill: (url: string) => Promise<unknown>;
}

/** Makes a database that is like the template; the first that asks for one makes that, while others wait. */
export async function copyTemplate(serverUrl: string, template: Template): Promise<TestDatabase> {
  const name = `template_${template.name}`;
  await withClient(serverUrl, async (client) => {
    await client.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 1) return;
    const { url } = await createDatabaseOn(serverUrl);
    await template.fill(url);
    await client.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} RENAME TO ${name}`);
  });
  return create(serverUrl, `TEMPLATE ${name} STRATEGY file_copy`);
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/** A server of one test's own, to be killed, restarted on its port, and put back to an earlier copy. */
export interface PrivatePostgres {
  readonly port: number;
  /** Of the process that all others of the server descend from; 0 while it does not run. */
  readonly pid: number;
  /** Where its data are. */
  readonly cluster: string;
  /** The connection URL of one of its databases; `postgres` is there from the start. */
  url(database: string): string;
  /** Kills it with SIGKILL. */
  kill9(): Promise<void>;
  /** Stops it in order. */
  stop(): Promise<void>;
  /**
   * Starts it again on the same port, as its supervisor would, until it answers: one that still runs is as good, unless it is about to find that it can't
   * recover.
   */
  start(): Promise<void>;
  /** Copies its data to a folder that must not exist; it must be stopped. */
  snapshot(folder: string): Promise<void>;
  /** Puts the data back to a copy made by `snapshot`; it must be stopped. */
  restore(folder: string): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

const REVIVAL = { retries: 600, minTimeout: 50, factor: 1, maxRetryTime: 60_000 };

/** Starts a private server in a new folder within `parent`; it ends with this process however that ends. */
export async function startPrivatePostgres(
  settings: Readonly<Record<string, string | number>> = {},
  parent = tmpdir(),
): Promise<PrivatePostgres> {
  const dataDir = await mkdtemp(join(parent, 'dockchains-test-'));
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
    cluster,
    url,
    get pid() {
      return server?.pid ?? 0;
    },
    kill9: () => end('kill9'),
    stop: () => end('stop'),
    start: () =>
      pRetry(async () => {
        if (server !== undefined && !isPostgresRunning(dataDir)) await end('kill9');
        server ??= await startPostgres({ dataDir, settings, life: 'temporary' });
        if (server.port !== port) throw new AbortError(`Port ${port} was taken while the server was down.`);
        await execute(url('postgres'), 'SELECT 1');
      }, REVIVAL),
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

function execute(url: string, sql: string): Promise<void> {
  return withClient(url, async (client) => {
    await client.query(sql);
  });
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // the server may end meanwhile, and the statement says so
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
