// Starts and stops the embedded PostgreSQL: for `npm run up`, where it outlives this process, and for tests, where it
// must not.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findFreePort } from './ports.mjs';
import { findPostgresUser, preparePostgresBinaries } from './postgres-binaries.mjs';
import {
  findCluster,
  findServer,
  prepareCluster,
  removeMisleadingPidFile,
  superuser,
} from './postgres-data.mjs';
import { isAlive, stopProcess } from './processes.mjs';
import { Refusal } from './steps.mjs';

export { defaultDatabase, removePostgres } from './postgres-data.mjs';

const readyTimeoutMs = 120_000; // recovery after a crash reads the whole write-ahead log since the last checkpoint
const maxLogBytes = 16 * 2 ** 20;
const orderlyStop = [
  ['SIGINT', 20_000],
  ['SIGQUIT', 10_000],
  ['SIGKILL', 10_000],
];

/** Starts the server of a data folder, or adopts the one that runs there already; resolves when it answers. */
export async function startPostgres({ dataDir, settings = {}, life = 'process' }) {
  const user = findPostgresUser();
  const binaries = preparePostgresBinaries(user);
  const { cluster, password } = prepareCluster(dataDir, binaries, user);
  const running = findServer(cluster);
  const server = running
    ? await adopt(cluster, running)
    : await launch({ dataDir, cluster, binaries, user, settings });
  const guard =
    life === 'detached'
      ? undefined
      : watchOver({ cluster, pid: server.pid, remove: life === 'temporary' ? dataDir : undefined });
  return {
    ...server,
    adopted: running !== undefined,
    cluster,
    user: superuser,
    password,
    url: (database) => `postgresql://${superuser}:${password}@127.0.0.1:${server.port}/${database}`,
    stop: async () => {
      await stopProcess(server.pid, orderlyStop);
      dismiss(guard);
    },
    kill9: async () => {
      await stopProcess(server.pid, [['SIGKILL', 10_000]]);
      dismiss(guard);
    },
  };
}

/** Whether the server of a data folder runs. */
export function isPostgresRunning(dataDir) {
  return findServer(findCluster(dataDir)) !== undefined;
}

/** Stops the server of a data folder if it runs. */
export async function stopPostgres(dataDir) {
  const server = findServer(findCluster(dataDir));
  if (server) await stopProcess(server.pid, orderlyStop);
}

async function adopt(cluster, { pid }) {
  const server = await waitUntilReady(cluster, pid);
  if (server) return server;
  throw new Refusal(
    `The PostgreSQL found running in ${cluster} ended while it was starting: run the same command again.`,
  );
}

// A port taken between the look and the bind, or a crashed server's last children, are worth another attempt.
async function launch({ dataDir, cluster, binaries, user, settings }) {
  const log = join(dataDir, 'postgres.log');
  for (let attempt = 1; ; attempt += 1) {
    removeMisleadingPidFile(cluster);
    const port = await findFreePort(findLastPort(dataDir));
    const from = logSize(log);
    const pid = spawnServer({ cluster, binaries, user, port, settings, log });
    const server = await waitUntilReady(cluster, pid);
    if (server) {
      writeFileSync(join(dataDir, 'port'), String(server.port));
      return server;
    }
    const lines = readFileSync(log, 'utf8').slice(from);
    const passing =
      /Address already in use|shared memory block|lock file "postmaster.pid" already exists/.test(lines);
    if (!passing || attempt === 50) {
      throw new Refusal(`PostgreSQL did not start: see the lines above, which end ${log}.`, {
        details: lines.slice(-4000),
      });
    }
    await pause(100);
  }
}

function spawnServer({ cluster, binaries, user, port, settings, log }) {
  const all = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    log_checkpoints: 'off',
    // As by default; initdb writes less where the log's files are small, and checkpoints would come four times as often.
    max_wal_size: '1GB',
    min_wal_size: '80MB',
    ...settings,
  };
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const output = openSync(log, logSize(log) > maxLogBytes ? 'w' : 'a', 0o600);
  const child = spawn(join(binaries, 'postgres'), ['-D', cluster, ...options], {
    ...user,
    cwd: '/',
    detached: true, // a Ctrl-C meant for us must not reach it
    stdio: ['ignore', output, output],
  });
  child.unref();
  closeSync(output);
  return child.pid;
}

/** The server once its postmaster.pid says ready; undefined when the process has ended. */
async function waitUntilReady(cluster, pid) {
  const deadline = performance.now() + readyTimeoutMs;
  while (isAlive(pid)) {
    const server = findServer(cluster);
    if (server?.pid === pid && server.ready) return { pid, port: server.port };
    if (performance.now() > deadline) {
      throw new Refusal(
        `PostgreSQL has been starting for ${readyTimeoutMs / 1000} s: look at postgres.log beside ${cluster}.`,
      );
    }
    await pause(10);
  }
  return undefined;
}

// Ends with this process however this process ends: its standard input closes, even on SIGKILL.
function watchOver({ cluster, pid, remove }) {
  const script = `
    cat >/dev/null
    if [ "$(head -n 1 "$1/postmaster.pid" 2>/dev/null)" = "$2" ]; then kill -QUIT "$2"; fi
    while kill -0 "$2" 2>/dev/null; do sleep 0.1; done
    if [ -n "$3" ]; then rm -rf "$1" "$3"; fi`;
  const guard = spawn('/bin/sh', ['-c', script, 'sh', cluster, String(pid), remove ?? ''], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.stdin.unref();
  guard.unref();
  return guard;
}

function dismiss(guard) {
  if (guard?.exitCode === null) process.kill(-guard.pid, 'SIGKILL');
}

// The port of the last start, so that whoever knows its address finds the server there again.
function findLastPort(dataDir) {
  const note = join(dataDir, 'port');
  return existsSync(note) ? Number(readFileSync(note, 'utf8')) : undefined;
}

function logSize(log) {
  try {
    return statSync(log).size;
  } catch {
    return 0;
  }
}
