import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { inject } from 'vitest';

import { findFreePort } from './ports.ts';
import { copyTemplate, createEmptyDatabase, type TestDatabase } from './postgres.ts';

const MAIN = join(import.meta.dirname, '../../apps/gateway/main.mjs');
const ORGANISATION = 'acme.example';

/** A user name and its password. */
export interface TestAccount {
  readonly username: string;
  readonly password: string;
}

/** What a test may set; everything else is fresh. */
export interface GatewayOptions {
  /** Its DNS name; `acme.example` if nothing is said. */
  readonly organisation?: string;
  /** URL of a database that the test keeps; without it a fresh one is made, and dropped by `close`. */
  readonly database?: string;
  /** More environment, such as DOCKCHAINS_CHECKPOINT_INTERVAL_MS; undefined unsets a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folder of blobs and keys that the test keeps; without it a fresh one is made, and removed by `close`. */
  readonly dataDir?: string;
  /** The program, instead of the gateway's own. */
  readonly main?: string;
  /** Seeds with another program and other rights than this version's; it is given the same accounts and namespaces. */
  readonly seed?: { readonly main: string; readonly actions: readonly string[] };
}

/** A gateway as a process of its own. */
export interface TestGateway {
  /** `http://127.0.0.1:<port>`; the port stays over restarts. */
  readonly url: string;
  /** `127.0.0.1:<port>`, as image references have it. */
  readonly host: string;
  readonly organisation: string;
  readonly dataDir: string;
  readonly databaseUrl: string;
  readonly process: ChildProcess;
  readonly pid: number;
  /** May do everything. */
  readonly operator: TestAccount;
  /** May pull, push, tag and delete in `public/**`. */
  readonly publisher: TestAccount;
  /** May pull in `public/**`. */
  readonly reader: TestAccount;
  /** Everything that its processes printed so far. */
  logs(): string;
  /** A bearer token for scopes as `/token` takes them. */
  token(account: TestAccount, ...scopes: readonly string[]): Promise<string>;
  /** Stops it in order, and waits for its end. */
  stop(): Promise<void>;
  /** Kills it with SIGKILL, and waits for its end. */
  kill9(): Promise<void>;
  /** Starts it again on its port, once it has ended. */
  restart(): Promise<void>;
  /** Starts another command of its program in its environment, such as `recover`; the caller waits for its end. */
  spawn(...command: readonly string[]): ChildProcess;
  /** Makes the accounts and namespaces anew, in a database that has lost them. */
  seed(): Promise<void>;
  /** Stops it and removes what it left, but not what the test gave. */
  close(): Promise<void>;
}

const OPERATOR: TestAccount = { username: 'operator', password: 'operator-password-1' };
const PUBLISHER: TestAccount = { username: 'publisher', password: 'publisher-password-1' };
const READER: TestAccount = { username: 'reader', password: 'reader-password-1' };

const ALL = ['pull', 'push', 'tag:create', 'tag:move', 'delete'];
const seedOf = (actions: readonly string[]): object => ({
  accounts: [
    { ...OPERATOR, policies: [{ pattern: '**', actions: [...actions, 'admin'] }] },
    { ...PUBLISHER, policies: [{ pattern: 'public/**', actions }] },
    { ...READER, policies: [{ pattern: 'public/**', actions: ['pull'] }] },
  ],
  namespaces: [{ pattern: 'public/**', visibility: 'public' }],
});

// None outlives the test process.
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a gateway on a free port of 127.0.0.1, with accounts and the public namespace `public/**` seeded. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const isSeeded = options.database === undefined && options.seed === undefined;
  const create = isSeeded ? createSeededDatabase : createEmptyDatabase;
  const database = options.database === undefined ? await create() : undefined;
  const databaseUrl = options.database ?? database?.url ?? '';
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'dockchains-gateway-')));
  const organisation = options.organisation ?? ORGANISATION;
  const output: string[] = [];
  const environment = (listen: string): NodeJS.ProcessEnv => ({
    ...environmentOf(databaseUrl, dataDir),
    DOCKCHAINS_ORGANISATION: organisation,
    DOCKCHAINS_LISTEN: listen,
    ...options.env,
  });

  const program = options.main ?? MAIN;
  if (!isSeeded) await seed(environment('127.0.0.1:0'), options.seed);
  const host = `127.0.0.1:${await findFreePort()}`;
  let child = launch(program, environment(host), output);
  await awaitListening(child, output);
  const url = `http://${host}`;

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  return {
    ...{ url, host, organisation, dataDir, databaseUrl },
    ...{ operator: OPERATOR, publisher: PUBLISHER, reader: READER },
    get process() {
      return child;
    },
    get pid() {
      return child.pid ?? 0;
    },
    logs: () => output.join(''),
    token: (account, ...scopes) => fetchToken({ url, organisation }, account, scopes),
    stop: () => end('SIGTERM'),
    kill9: () => end('SIGKILL'),
    async restart() {
      child = launch(program, environment(host), output);
      await awaitListening(child, output);
    },
    spawn: (...command) =>
      spawn(process.execPath, [program, ...command], {
        env: environment(host),
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    seed: () => seed(environment(host), options.seed),
    async close() {
      await end('SIGTERM');
      await database?.drop();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function environmentOf(databaseUrl: string, dataDir: string): NodeJS.ProcessEnv {
  return {
    ...withoutOwn(process.env),
    DOCKCHAINS_ORGANISATION: ORGANISATION,
    DOCKCHAINS_DATABASE_URL: databaseUrl,
    DOCKCHAINS_BLOBS: join(dataDir, 'blobs'),
    DOCKCHAINS_KEYS_DIR: join(dataDir, 'keys'),
  };
}

/** A database with the accounts that most gateways have; they are made once in a run, since their passwords alone cost half a second. */
function createSeededDatabase(): Promise<TestDatabase> {
  const fill = async (databaseUrl: string): Promise<void> => {
    const dataDir = await mkdtemp(join(tmpdir(), 'dockchains-seed-'));
    await seed({ ...environmentOf(databaseUrl, dataDir), DOCKCHAINS_LISTEN: '127.0.0.1:0' });
    await rm(dataDir, { recursive: true });
  };
  return copyTemplate(inject('postgresUrl'), { name: 'seeded', fill });
}

/** Runs another command of the gateway's program, on the folder and database of one that is stopped. */
export async function runGateway(
  { organisation, databaseUrl, dataDir }: Pick<TestGateway, 'organisation' | 'databaseUrl' | 'dataDir'>,
  ...command: readonly string[]
): Promise<void> {
  const env = { ...environmentOf(databaseUrl, dataDir), DOCKCHAINS_ORGANISATION: organisation };
  const child = spawn(process.execPath, [MAIN, ...command], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const [printed] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  if (child.exitCode !== 0) throw new Error(`The gateway's command failed: ${printed}`);
}

function withoutOwn(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('DOCKCHAINS_')));
}

async function seed(
  env: NodeJS.ProcessEnv,
  { main, actions }: NonNullable<GatewayOptions['seed']> = { main: MAIN, actions: ALL },
): Promise<void> {
  const child = spawn(process.execPath, [main, 'seed'], { env, stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.end(JSON.stringify(seedOf(actions)));
  const [printed] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  if (child.exitCode !== 0) throw new Error(`The gateway could not be seeded: ${printed}`);
}

function launch(main: string, env: NodeJS.ProcessEnv, output: string[]): ChildProcess {
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => output.push(chunk));
  }
  return child;
}

/** Waits for the line in which a gateway says that it listens. */
function awaitListening(child: ChildProcess, output: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout?.on('data', (chunk: string) => {
      printed += chunk;
      if (printed.includes('"msg":"listening"')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(
        new Error(`The gateway ended with ${code ?? 'a signal'} before it listened:\n${output.join('')}`),
      );
    });
  });
}

async function fetchToken(
  { url, organisation }: Pick<TestGateway, 'url' | 'organisation'>,
  account: TestAccount,
  scopes: readonly string[],
): Promise<string> {
  const query = new URLSearchParams([
    ['service', organisation],
    ...scopes.map((scope): [string, string] => ['scope', scope]),
  ]);
  const credentials = Buffer.from(`${account.username}:${account.password}`).toString('base64');
  const response = await fetch(`${url}/token?${query.toString()}`, {
    headers: { authorization: `Basic ${credentials}` },
  });
  const body: unknown = await response.json();
  if (typeof body === 'object' && body !== null && 'token' in body && typeof body.token === 'string') {
    return body.token;
  }
  throw new Error(`The gateway gave no token: ${response.status}`);
}
